"""Scores programs by `evaluate(path)` of a file, which runs in processes of its own."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Literal

from soar.core.errors import SoarError
from soar.core.incidents import record_incident
from soar.evolution.scores.calls import Callee, stand_in
from soar.evolution.scores.evaluator_child import STAGE
from soar.evolution.scores.measure import Measure, read_measure
from soar.evolution.scores.task import EvaluatorTask
from soar.sandbox.executor import Executor

Isolation = Literal["calls", "process"]

_BOOT = "from soar.evolution.scores.evaluator_child import main; main()"
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_START_SECONDS, _SLACK_SECONDS = 120.0, 30.0
_TRIES = 3
_LINE = 1 << 22


class EvaluatorError(SoarError):
    """The evaluator's file cannot be used, or its process has failed again and again; the message says why."""


class FileJudge:
    """Measures programs by a file's `evaluate`; a fork of the evaluator's process for each.

    Args:
        task: names the file.
        executor: runs the functions of programs with isolation "calls".
        isolation: "calls": what the evaluator imports stands for the program, whose functions run in the sandbox;
            "process": the program itself is imported, in the fork that scores it, and can fool the evaluator.
        seconds, memory_mb: wall time, and memory of all its processes together, of one evaluation.
        workers: evaluations at once, at most.
        cascade: what the first stage has to score for the second to be asked; None: there is one stage.
    """

    def __init__(
        self,
        task: EvaluatorTask,
        executor: Executor,
        isolation: Isolation,
        seconds: float,
        memory_mb: int,
        workers: int,
        cascade: float | None = None,
    ) -> None:
        self.task, self.executor, self.isolation = task, executor, isolation
        self.seconds, self.cascade = seconds, cascade
        self.settings = {"evaluator": str(task.evaluator.resolve()), "seconds": seconds, "memory_mb": memory_mb}
        self.folder = Path(tempfile.mkdtemp(prefix="soar-evaluator-"))
        self.free: list[_Process] = []
        self.all: list[_Process] = []
        self.count = 0
        self.room = asyncio.Semaphore(workers)

    async def measure(self, source: str, run: int = 0) -> Measure:
        """Return what the evaluator says. Raises EvaluatorError where that cannot be learnt."""
        async with self.room:
            return await self._measure(source, run)

    async def _measure(self, source: str, run: int) -> Measure:
        self.count += 1
        scratch = self.folder / str(self.count)
        scratch.mkdir()
        path, address = scratch / "program.py", self.folder / f"{self.count}.calls"
        text = source if self.isolation == "process" else stand_in(source, address)
        if text is None:
            return Measure.of_failure("failed", "the program is no Python")
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        job = {"path": str(path), "scratch": str(scratch), "run": run}
        server = await asyncio.start_unix_server(Callee(source, self.executor).serve, address)
        try:
            if self.cascade is not None:
                first = self._read(await self._ask(job | {"function": STAGE}))
                sign = 1.0 if self.task.direction == "max" else -1.0
                if first.score is None:
                    return first
                if sign * first.score < sign * self.cascade:
                    return Measure.of_failure("no score", f"stage 1 gave {first.score!r}; {first.feedback}")
            return self._read(await self._ask(job | {"function": "evaluate"}))
        finally:
            server.close()
            address.unlink(missing_ok=True)
            shutil.rmtree(scratch, ignore_errors=True)

    def _read(self, answer: dict[str, Any]) -> Measure:
        if "failure" in answer:
            return Measure.of_failure(answer["failure"], str(answer.get("why")))
        return read_measure(answer.get("value"), self.task.metric, str(answer.get("feedback", "")))

    def close(self) -> None:
        """End all processes, and remove what they left."""
        for one in self.all:
            one.close()
        self.all.clear()
        self.free.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def _ask(self, job: dict[str, Any]) -> dict[str, Any]:
        why = ""
        for _ in range(_TRIES):
            process = self.free.pop() if self.free else await self._start()
            try:
                answer = await process.ask(job, self.seconds + _SLACK_SECONDS)
            except (TimeoutError, OSError, ValueError) as error:
                why = f"{type(error).__name__}: {error}"
                record_incident("evaluator replaced", why)
                self.all.remove(process)
                process.close()
                continue
            except BaseException:  # given up in the middle: what it answers then is for nobody
                self.all.remove(process)
                process.close()
                raise
            self.free.append(process)
            return answer
        raise EvaluatorError(f"{self.task.evaluator}: its process failed {_TRIES} times: {why}")

    async def _start(self) -> _Process:
        process = _Process(self.settings)
        self.all.append(process)
        greeting = await process.greeting()
        if "trouble" in greeting:
            raise EvaluatorError(f"{self.task.evaluator}: {greeting['trouble']}")
        if self.cascade is not None and not greeting.get("stage"):
            raise EvaluatorError(f"{self.task.evaluator}: cascade needs {STAGE}(path), which it does not define")
        return process


class _Process:
    """An evaluator's process, and the socket to it."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.socket, theirs = socket.socketpair()
        environment = os.environ | dict.fromkeys(_THREADS, "1") | {"PYTHONHASHSEED": "0"}
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _BOOT, json.dumps(settings | {"control": theirs.fileno()})],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def greeting(self) -> dict[str, Any]:
        self.streams = await asyncio.open_connection(sock=self.socket, limit=_LINE)
        try:
            return await self._receive(_START_SECONDS)
        except (OSError, ValueError) as error:
            return {"trouble": f"the evaluator's process did not start: {error}"}

    async def ask(self, job: dict[str, Any], seconds: float) -> dict[str, Any]:
        assert self.streams is not None
        self.streams[1].write(json.dumps(job).encode() + b"\n")
        return await self._receive(seconds)

    async def _receive(self, seconds: float) -> dict[str, Any]:
        assert self.streams is not None
        line = await asyncio.wait_for(self.streams[0].readline(), seconds)
        answer = json.loads(line) if line else None
        if not isinstance(answer, dict):
            raise ValueError("it ended without an answer")
        return answer

    def close(self) -> None:
        if self.streams is not None:
            self.streams[1].close()
        else:
            self.socket.close()
        self.process.kill()
        self.process.wait()
