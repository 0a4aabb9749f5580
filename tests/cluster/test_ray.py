"""A real Ray cluster on this machine: several raylets of one CPU each."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import soar
from soar.cluster.ray_backend import ClusterError, refuse
from tests.search_support import content

ray = pytest.importorskip("ray")
TASKS = soar.load_tasks("gym/domain-1/train")[:6]
SMALL: dict[str, Any] = {"samples": 8, "refinements": 4, "workers": 1, "progress": False}
HERE = {"soar": "0.1.0", "Python": "3.11.7", "sees": True}


def completions(run: Path) -> int:
    with soar.Archive(run) as archive:
        return archive.counts()["completions"]


@pytest.fixture
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    yield started
    ray.shutdown()
    for one in started.list_all_nodes():  # `started.shutdown()` would wait for ever for one that was killed
        one.kill_all_processes(check_alive=False, allow_graceful=False)


@pytest.mark.slow
def test_two_nodes_find_what_one_machine_finds_also_where_one_is_killed(cluster: Any, tmp_path: Path) -> None:
    node = cluster.add_node(num_cpus=1)
    whole = soar.search(TASKS, "mini", run=tmp_path / "whole", **SMALL)
    run = tmp_path / "shards"

    def kill() -> None:
        """Kill all that runs on the second node once both shards have found something."""
        while sum(completions(one.parent) > 0 for one in run.glob("shards/*/config.json")) < 2:
            time.sleep(0.05)
        raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
        for process in (raylet, *raylet.children(recursive=True)):
            process.kill()

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    found = soar.search(TASKS, "mini", run=run, backend=soar.Ray(cluster.address, shards=2), **SMALL)
    killer.join(10)
    assert found.to_json() == whole.to_json() and list(found) == list(whole)
    assert content(run) == content(tmp_path / "whole")
    assert found.events["search resumed"] >= 1  # told, as is the node once Ray has given it up


@pytest.mark.slow
def test_a_shard_that_fits_on_no_node_is_refused(cluster: Any, tmp_path: Path) -> None:
    backend = soar.Ray(cluster.address, shards=2, gpus=4)
    with pytest.raises(ClusterError, match=r"no node is large enough .* takes 1 CPUs and 4 GPUs: .* has 1 CPUs and 0"):
        soar.search(TASKS, "mini", run=tmp_path, backend=backend, **SMALL)


@pytest.mark.slow
def test_a_cluster_of_this_machine_comes_and_goes_with_the_search(tmp_path: Path) -> None:
    found = soar.search(TASKS[:2], "mini", run=tmp_path, backend=soar.Ray("local", shards=2), **SMALL)
    assert found.summary.completions == 2 * 12
    assert not ray.is_initialized()


def test_an_address_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"no Ray cluster answers at 127\.0\.0\.1:1 .*`ray start --head`"):
        soar.search(TASKS, "mini", run=tmp_path, backend=soar.Ray("127.0.0.1:1"), **SMALL)


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ({"soar": "0.2.0"}, "node 10.0.0.7 has soar 0.2.0, this machine 0.1.0"),
        ({"Python": "3.12.1"}, "node 10.0.0.7 has Python 3.12.1, this machine 3.11.7"),
        ({"sees": False}, "node 10.0.0.7 does not see /shared/run: give a run folder on storage that all nodes share"),
    ],
)
def test_nodes_that_differ_are_named(there: dict[str, Any], said: str) -> None:
    with pytest.raises(ClusterError, match=said):
        refuse("10.0.0.7", HERE | there, HERE, Path("/shared/run"))
    refuse("10.0.0.7", HERE, HERE, Path("/shared/run"))
