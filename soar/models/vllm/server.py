"""The process of `vllm serve` that `vllm:` owns: found, started, awaited, ended."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from soar.core.terminal import in_terminal, notify
from soar.models.base import ModelError
from soar.models.vllm.api import Api
from soar.models.vllm.name import option

GUARD = Path(__file__).with_name("guard.py")
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # what vLLM takes as --max-lora-rank
STARTING_SECONDS = 3600.0  # the first start of a model from the hub also loads its weights
SHOWN_LINES = 25
INSTALL = (
    "vllm: needs vLLM, best in an environment of its own, since its pins clash with the trainer's: "
    "python -m venv FOLDER && FOLDER/bin/pip install vllm, then set SOAR_VLLM=FOLDER"
)


def find_vllm() -> Path:
    """Return the `vllm` command: of the environment that SOAR_VLLM names (a folder, or the command itself), else of
    this one, else on the PATH.

    Raises:
        ModelError: there is none; says how to install it.
    """
    setting = os.environ.get("SOAR_VLLM")
    if setting:
        path = Path(setting).expanduser()
        command = path / "bin" / "vllm" if path.is_dir() else path
        if not command.is_file():
            raise ModelError(f"SOAR_VLLM is {setting}, and there is no {command}. {INSTALL}")
        return command
    beside = Path(sys.executable).with_name("vllm")
    found = str(beside) if beside.is_file() else shutil.which("vllm")
    if found is None:
        raise ModelError(INSTALL)
    return Path(found)


def is_cpu_build(command: Path) -> bool:
    """Tell whether the environment of this `vllm` command holds a build for CPUs, by the name of its package."""
    return any(command.absolute().parent.parent.glob("lib/python*/site-packages/vllm*cpu*.dist-info"))


class Server:
    """`vllm serve` in a process of its own; it ends with `stop` and when this process ends, however that may be.

    Attributes:
        rank: the highest LoRA rank it can load; 0 where it loads no adapters.
        api: how it is asked.
    """

    def __init__(self) -> None:
        self.command = find_vllm()
        self.port = _free_port()
        self.api = Api(
            f"http://127.0.0.1:{self.port}", secrets.token_hex(16)
        )  # other users of the machine lack the key
        self.rank = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.log: Path | None = None
        self.stopped = False

    def start(self, source: str, served_name: str, options: Sequence[str], rank: int) -> None:
        """Start it and wait until it answers.

        Args:
            source: folder or hub name of the weights.
            served_name: what requests call the base model.
            options: of `vllm serve`, beside those that are set here.
            rank: LoRA rank that must fit; 0: no adapters.

        Raises:
            ModelError: it ended instead; shows the end of its log.
        """
        self._end()
        self.rank = 0 if "--no-enable-lora" in options else _max_rank(rank, option(options, "--max-lora-rank"))
        command = [str(self.command), "serve", source, "--enable-prefix-caching"]
        if self.rank:
            command += ["--enable-lora", "--max-loras", "1", "--max-lora-rank", str(self.rank)]
        if is_cpu_build(self.command):  # a seeded request whose prefill is cut in pieces ends the CPU engine
            command += ["--no-enable-chunked-prefill"]
        # What comes last stands. One server of the API, which tells every replica of an adapter.
        command += [*options, "--served-model-name", served_name, "--api-server-count", "1"]
        command += ["--host", "127.0.0.1", "--port", str(self.port)]
        self.log = Path(tempfile.mkdtemp(prefix="soar-vllm-")) / "server.log"
        with self.log.open("wb") as log:
            # A session of its own: Ctrl-C is the caller's to handle.
            self.process = subprocess.Popen(
                [sys.executable, "-I", str(GUARD), *command], stdin=subprocess.PIPE, stdout=log, stderr=log,
                env=self._environment(), start_new_session=True,
            )  # fmt: skip
        try:
            with _telling(f"vLLM is starting with {source}", self.log):
                self._await()
        except BaseException:  # also Ctrl-C
            self._end()
            raise

    def stop(self) -> None:
        """End it and all its processes; a `start` that waits raises. Idempotent."""
        self.stopped = True
        self._end()

    def failure(self, what: str) -> ModelError:
        """An error that shows the end of the server's log and the first error in it: later ones only follow."""
        if self.log is None or not self.log.exists():
            return ModelError(f"vLLM {what}")
        lines = self.log.read_text(errors="replace").splitlines()
        first = next((line for line in lines if re.search(r"\b\w*(Error|Exception): ", line)), None)
        cause = "" if first is None or first in lines[-SHOWN_LINES:] else f"\nIts first error was:\n{first}"
        end = "\n".join(lines[-SHOWN_LINES:])
        return ModelError(f"vLLM {what}; the whole log is {self.log}, and ends with:\n{end}{cause}")

    def _await(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + STARTING_SECONDS
        while not self.api.healthy():
            if self.stopped:
                raise ModelError("the model was closed while vLLM was starting")
            if self.process.poll() is not None:
                raise self.failure("ended while it was starting")
            if time.monotonic() > deadline:
                raise self.failure(f"was not ready after {STARTING_SECONDS:.0f} s")
            time.sleep(0.25)

    def _end(self) -> None:
        process, self.process = self.process, None
        if process is None or process.stdin is None:
            return
        failed = process.poll() is not None
        process.stdin.close()  # the guard ends the server and then itself
        process.wait()
        if self.log is not None and not failed:
            shutil.rmtree(self.log.parent, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        environment = {
            **os.environ, "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1", "VLLM_NO_USAGE_STATS": "1",
            "VLLM_API_KEY": self.api.key or "",
        }  # fmt: skip
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENAI_API_KEY"):
            environment.pop(name, None)  # set for soar's own processes, or none of the server's business
        return environment


def _max_rank(rank: int, given: str | None) -> int:
    """Return the least --max-lora-rank that `rank` fits, or the one that the user gives; 0 for 0.

    Raises:
        ModelError: it fits none.
    """
    sizes = RANKS if given is None else (int(given),)
    fitting = [0] if rank == 0 else [size for size in sizes if size >= rank]
    if not fitting:
        raise ModelError(
            f"this adapter has rank {rank}, and vLLM is to serve ranks up to {sizes[-1]}; --merge serves any"
        )
    return fitting[0]


@contextmanager
def _telling(what: str, log: Path) -> Iterator[None]:
    """Show that something takes its time: with the seconds in a terminal, a line at the start and the end elsewhere."""
    begun = time.monotonic()
    if in_terminal():
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            progress.add_task(f"{what} (log: {log})", total=None)
            yield
    else:
        notify(f"{what} (log: {log})")
        yield
    notify(f"vLLM is ready after {time.monotonic() - begun:.0f} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
