"""Shards of a search on a Ray cluster: https://docs.ray.io."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import socket
import time
import uuid
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from soar.core.errors import SoarError
from soar.core.hints import install
from soar.evolution.shards import Happening, Shard

TICK = 2.0  # seconds between two looks at what is under way
PATIENCE = 30.0  # seconds without a place, after which it is said what a shard waits for
LOCKED = 60.0  # seconds that a shard waits for the process that had it before to be gone


class ClusterError(SoarError):
    """Shards cannot run on this cluster; the message says why and what to do."""


class Ray:
    """Runs the shards of a search as Ray tasks, each on one node, which opens the model and the sandbox there.

    A shard whose worker or node is lost is started again on another and goes on from its archive, so the run's folder
    must be on storage that all nodes see. Adapters are read from there by each shard as it starts: none answers with an
    older one.

    Args:
        address: of the cluster, as `ray.init` takes it ("auto", "ray://HOST:10001", "HOST:6379"); "local": one of this
            machine's own is started, and ends with the search.
        shards: into how many a search is divided; None: one for each `cpus` or `gpus` that the cluster has.
        cpus: that a shard takes.
        gpus: that a shard takes; a vLLM server finds them as its own.
    """

    def __init__(self, address: str = "auto", shards: int | None = None, cpus: float = 1, gpus: float = 0) -> None:
        if importlib.util.find_spec("ray") is None:
            raise ClusterError(f"a search on Ray needs ray: {install('ray')}")
        if cpus <= 0 or gpus < 0 or (shards is not None and shards < 1):
            raise ClusterError("a shard takes some CPUs, and there is at least one: give positive numbers")
        self.address, self.cpus, self.gpus = address, cpus, gpus
        self._wanted, self._own = shards, False

    @property
    def shards(self) -> int:
        """Into how many a search is divided."""
        self._connect()
        if self._wanted is None:
            self._wanted = max(1, sum(self._places(node) for node in _nodes()))
        return self._wanted

    def map(self, shards: Sequence[Shard]) -> Generator[Happening, None, None]:
        """Run all shards to their end; tell of nodes lost and of shards that find no place. Closed, it stops them.

        Raises:
            ClusterError: no node is large enough, nodes differ from this one or do not see the run, or a shard failed.
        """
        import ray

        self._connect()
        # Lost workers and nodes do not count as failures of the shard: it is tried again for ever.
        task = ray.remote(_search).options(
            num_cpus=self.cpus, num_gpus=self.gpus, max_retries=-1, scheduling_strategy="SPREAD"
        )
        pending: dict[Any, Shard] = {}
        try:
            self._check_room()
            self._check_nodes(shards[0].run.parent)
            pending |= {task.remote(shard): shard for shard in shards}
            yield from self._watch(pending)
        finally:
            for reference in pending:
                ray.cancel(reference, force=True)
            if self._own:
                ray.shutdown()
                self._cluster.head_node.kill_all_processes(check_alive=False, allow_graceful=False)

    def _watch(self, pending: dict[Any, Shard]) -> Generator[Happening, None, None]:
        import ray

        alive, began, told = {node["NodeID"]: node["NodeManagerAddress"] for node in _nodes()}, time.monotonic(), False
        while pending:
            ready, _ = ray.wait(list(pending), timeout=TICK)
            for reference in ready:
                shard = pending.pop(reference)
                _result(reference, shard)
                yield Happening("ended", shard=shard)
            now = {node["NodeID"]: node["NodeManagerAddress"] for node in _nodes()}
            for lost in alive.keys() - now.keys():
                yield Happening("event", f"node {alive[lost]} ({lost[:8]}) is lost; its shards go on elsewhere")
            for new in now.keys() - alive.keys():
                yield Happening("event", f"node {now[new]} ({new[:8]}) has joined")
            alive = now
            started = [shard for shard in pending.values() if (shard.run / "archive.sqlite").exists()]
            if not told and pending and not started and time.monotonic() - began > PATIENCE:
                told = True
                yield Happening("event", f"no shard has a place yet: each waits for {self._asked()}; {_free()}")
            yield Happening("tick")

    def _connect(self) -> None:
        import ray

        if ray.is_initialized():
            return
        options: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
        self._own = self.address == "local"
        if not self._own:
            _check_answers(self.address)
        try:
            ray.init(**options, address=self._started().address if self._own else self.address)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise _silent(self.address, str(error).splitlines()[0]) from None

    def _started(self) -> Any:
        """Start a cluster of this machine. `ray.init` would bind it to an address that need not be reachable."""
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(initialize_head=True, head_node_args={"include_dashboard": False})
        return self._cluster

    def _asked(self) -> str:
        return f"{self.cpus:g} CPUs" + (f" and {self.gpus:g} GPUs" if self.gpus else "")

    def _places(self, node: dict[str, Any]) -> int:
        resources = node["Resources"]
        by_gpu = resources.get("GPU", 0) // self.gpus if self.gpus else float("inf")
        return int(min(resources.get("CPU", 0) // self.cpus, by_gpu))

    def _check_room(self) -> None:
        if not any(self._places(node) for node in _nodes()):
            has = "; ".join(f"{node['NodeManagerAddress']} has {_has(node)}" for node in _nodes())
            raise ClusterError(f"no node is large enough for a shard, which takes {self._asked()}: {has}")

    def _check_nodes(self, run: Path) -> None:
        """Ask every node what it is and whether it sees the run's folder."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        token = run / f".seen-{uuid.uuid4().hex}"
        token.touch()
        probe, here = ray.remote(_describe), _describe(None)
        asked = {}
        for node in _nodes():
            strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            asked[node["NodeManagerAddress"], node["NodeID"]] = probe.options(
                num_cpus=0, scheduling_strategy=strategy
            ).remote(str(token))
        try:
            found = {name: ray.get(reference) for name, reference in asked.items()}
        finally:
            token.unlink()
        for (address, _), there in found.items():
            refuse(address, there, here, run)


def _check_answers(address: str) -> None:
    """Raise ClusterError where nothing listens at HOST:PORT, which Ray would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except OSError as error:
            raise _silent(address, str(error)) from None


def _silent(address: str, why: str) -> ClusterError:
    return ClusterError(
        f"no Ray cluster answers at {address} ({why}): start one with `ray start --head`, or give --ray local"
    )


def refuse(address: str, there: dict[str, Any], here: dict[str, Any], run: Path) -> None:
    """Raise ClusterError where a node could not do its part: another soar or Python, or another disk."""
    for what in ("soar", "Python"):
        if there[what] != here[what]:
            raise ClusterError(
                f"node {address} has {what} {there[what]}, this machine {here[what]}: install the same on both"
            )
    if not there["sees"]:
        raise ClusterError(f"node {address} does not see {run}: give a run folder on storage that all nodes share")


def _nodes() -> list[dict[str, Any]]:
    import ray

    return [node for node in ray.nodes() if node["Alive"]]


def _has(node: dict[str, Any]) -> str:
    resources = node["Resources"]
    return f"{resources.get('CPU', 0):g} CPUs and {resources.get('GPU', 0):g} GPUs"


def _free() -> str:
    import ray

    free = ray.available_resources()
    return f"the cluster has {free.get('CPU', 0):g} CPUs and {free.get('GPU', 0):g} GPUs free"


def _describe(token: str | None) -> dict[str, Any]:
    """What this node is; runs on it."""
    return {
        "soar": importlib.metadata.version("soar-search"),
        "Python": platform.python_version(),
        "sees": token is not None and os.path.exists(token),
    }


def _search(shard: Shard) -> None:
    """Search a shard; runs on a node. The process that had it before may need a moment to be gone."""
    from soar.archive.writer import ArchiveLockedError

    end = time.monotonic() + LOCKED
    while True:
        try:
            return shard.search()
        except ArchiveLockedError:
            if time.monotonic() > end:
                raise
            time.sleep(1)


def _result(reference: Any, shard: Shard) -> None:
    import ray

    try:
        ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        if isinstance(cause, SoarError):
            raise cause from None
        raise ClusterError(f"shard {shard.name} failed: {cause!r}; what it found is in {shard.run}") from error
