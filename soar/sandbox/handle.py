"""A zygote as its parent sees it: a process, and a channel to it."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict

from soar.sandbox import wire
from soar.sandbox.encoding import EncodingError, decode
from soar.sandbox.outcome import Limits, Outcome, ProgramError, Status

# Packages of these names without their __init__, so that the zygote loads no more of soar than it needs.
_BOOT = """
import sys, types
home = sys.argv.pop(1)
for name, path in (("soar", home), ("soar.sandbox", home + "/sandbox")):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [path]
from soar.sandbox.start import main
main()
"""
# -I would ignore the fixed hash seed as well, without which sets of strings differ from run to run.
_PYTHON = [sys.executable, "-P", "-s", "-S", "-B", "-c", _BOOT]
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_START_SECONDS, _SLACK_SECONDS, _END_SECONDS = 120.0, 30.0, 2.0


class TroubleError(Exception):
    """The machinery failed, not the program."""


class ZygoteHandle:
    """A running zygote. Raises TroubleError when it does not start. Belongs to one thread, except `hang_up`."""

    def __init__(self, limits: Limits, layers: Sequence[str]) -> None:
        self.limits = limits
        self.socket, theirs = socket.socketpair()
        self.stream = self.socket.makefile("rb")
        settings = {
            "control": theirs.fileno(),
            "layers": list(layers),
            "limits": asdict(limits),
            "libraries": _library_folders(),
        }
        with theirs:
            self.process = subprocess.Popen(
                [*_PYTHON, os.path.dirname(os.path.dirname(os.path.realpath(__file__))), json.dumps(settings)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=_ENVIRONMENT,
                cwd="/",
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for the parent, which then ends it
            )
        self.socket.settimeout(_START_SECONDS)
        try:
            _, _, greeting = self._receive()
        except TroubleError as error:
            raise TroubleError(f"a sandbox process did not start: {self._last_words() or error}") from None
        self._close_errors()
        self.layers: dict[str, bool | str] = json.loads(greeting)
        self.socket.settimeout(limits.wall_seconds + _SLACK_SECONDS)

    def run(self, job: bytes, inputs: int) -> list[Outcome]:
        """Run one packed job. Raises TroubleError, after which the zygote is to be replaced."""
        try:
            self.socket.sendall(job)
        except OSError as error:
            raise TroubleError(f"a sandbox process does not listen: {error}") from None
        outcomes: list[Outcome] = []
        while len(outcomes) < inputs:
            kind, seconds, payload = self._receive()
            if kind == wire.TROUBLE:
                raise TroubleError(payload.decode(errors="replace"))
            outcomes.append(_outcome(kind, seconds, payload, self.limits))
            if kind >= wire.TIMEOUT:
                outcomes += [Outcome("skipped")] * (inputs - len(outcomes))
        return outcomes

    def hang_up(self) -> None:
        """Tell the zygote to end, and wake a thread that waits for it."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the zygote and all that it has started."""
        self.hang_up()
        try:
            self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._close_errors()
        self.stream.close()
        self.socket.close()

    def _receive(self) -> tuple[int, float, bytes]:
        try:
            header = self.stream.read(wire.REPORT.size)
            if len(header) == wire.REPORT.size:
                kind, seconds, length = wire.REPORT.unpack(header)
                payload = self.stream.read(length)
                if len(payload) == length:
                    return kind, seconds, payload
        except OSError as error:
            raise TroubleError(f"a sandbox process does not answer: {error}") from None
        raise TroubleError("a sandbox process ended")

    def _last_words(self) -> str:
        """What the zygote, or Python, has printed before it failed to start."""
        self.hang_up()
        self.process.kill()
        words = self.process.communicate()[1].decode(errors="replace").strip()
        self.close()
        return words

    def _close_errors(self) -> None:
        if self.process.stderr is not None:
            self.process.stderr.close()


def _library_folders() -> list[str]:
    """The folders that hold numpy and scipy. Raises TroubleError when one is not installed."""
    folders = []
    for name in ("numpy", "scipy"):
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise TroubleError(f"{name} is not installed: pip install {name}")
        folders.append(os.path.dirname(os.path.dirname(os.path.realpath(spec.origin))))
    return list(dict.fromkeys(folders))


_STATUS: dict[int, Status] = {
    wire.ERROR: "error",
    wire.MEMORY: "memory",
    wire.INVALID: "invalid",
    wire.TIMEOUT: "timeout",
    wire.CRASH: "crash",
    wire.KILLED: "memory",
}
_ERROR_TYPE = {wire.TIMEOUT: "TimeLimit", wire.CRASH: "Crash", wire.KILLED: "MemoryLimit"}


def _outcome(kind: int, seconds: float, payload: bytes, limits: Limits) -> Outcome:
    """A report as an outcome. What does not decode was forged by the program."""
    if kind == wire.MEMORY:
        error = ProgramError("MemoryLimit", f"used more than {limits.memory_mb} MiB")
        return Outcome("memory", error=error, seconds=seconds)
    if kind in _ERROR_TYPE:
        error = ProgramError(_ERROR_TYPE[kind], payload.decode(errors="replace"))
        return Outcome(_STATUS[kind], error=error, seconds=seconds)
    try:
        value = decode(payload)
    except EncodingError as broken:
        return Outcome("crash", error=ProgramError("Crash", f"forged an answer: {broken}"), seconds=seconds)
    if kind == wire.OK:
        return Outcome("ok", value, seconds=seconds)
    match value:
        case [str(name), str(message), int() | None as line]:
            return Outcome(_STATUS[kind], error=ProgramError(name, message, line), seconds=seconds)
    return Outcome("crash", error=ProgramError("Crash", "forged an error"), seconds=seconds)
