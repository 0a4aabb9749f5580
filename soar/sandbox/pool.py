"""The parent's side: a thread for each zygote, all fed from one queue."""

from __future__ import annotations

import asyncio
import os
import queue
import sys
import threading
import time
import warnings
import weakref
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

from soar.core.errors import SoarError
from soar.core.incidents import record_incident
from soar.core.process import available_cores
from soar.sandbox.encoding import Value, encode
from soar.sandbox.handle import TroubleError, ZygoteHandle
from soar.sandbox.outcome import Limits, Outcome
from soar.sandbox.twice import mark
from soar.sandbox.wire import LAYERS, pack_job

Confinement = Literal["auto", "required"]

_TRIES = 3
_PAUSE_SECONDS = 0.2
_AHEAD = 4  # jobs waiting for each worker, at most

_warned: set[str] = set()


class SandboxError(SoarError):
    """The sandbox itself cannot start, or has failed again and again: no verdict on any program."""


class Sandbox:
    """Runs programs nobody trusts, each in a process of its own. A context manager; `close` ends all its processes.

    `workers`: programs that run at the same time (default: one per available core). `confinement`: "auto" uses the
    layers that this system has and warns once of those that it lacks; "required" raises SandboxError if one is
    missing. Raises SandboxError when it cannot start."""

    def __init__(
        self,
        workers: int | None = None,
        limits: Limits | None = None,
        confinement: Confinement = "auto",
    ) -> None:
        if sys.platform == "win32":
            raise SandboxError("programs cannot be run on Windows itself: use WSL2 (wsl --install)")
        if confinement not in ("auto", "required"):
            raise ValueError(f"confinement is 'auto' or 'required', not {confinement!r}")
        self.workers = available_cores() if workers is None else workers
        if self.workers < 1:
            raise ValueError(f"a sandbox needs at least 1 worker, not {workers}")
        self.limits = limits or Limits()
        self._crew = _Crew(self.workers, self.limits)
        self._finish = weakref.finalize(self, _Crew.close, self._crew)
        self._gate: tuple[asyncio.AbstractEventLoop, asyncio.Semaphore] | None = None
        try:
            self._layers = self._crew.start()
            self._check(confinement)
        except SandboxError:
            self.close()
            raise

    def run(
        self,
        programs: Sequence[tuple[str, Sequence[Value]]],
        entry_point: str = "transform",
        *,
        twice: bool = False,
    ) -> list[list[Outcome]]:
        """Run each (source, inputs), and return the outcomes of its inputs, all in order.

        The source must define the function `entry_point`, which is given a fresh copy of an input. `twice` runs each
        program again, in a new process with its inputs in reverse, and sets `Outcome.deterministic`. Raises
        EncodingError for inputs that are not plain data, SandboxError when the machinery fails three times in a row."""
        pending: deque[list[Future[list[Outcome]]]] = deque()
        results: list[list[Outcome]] = []
        try:
            for source, inputs in programs:
                if len(pending) >= _AHEAD * self.workers:
                    results.append(_joined([future.result() for future in pending[0]]))
                    pending.popleft()
                pending.append(self._put(source, inputs, entry_point, twice))
            results += [_joined([future.result() for future in futures]) for futures in pending]
        finally:  # Ctrl-C, an error: forget what has not begun
            for futures in pending:
                for future in futures:
                    future.cancel()
        return results

    async def submit(
        self, source: str, inputs: Sequence[Value], entry_point: str = "transform", *, twice: bool = False
    ) -> list[Outcome]:
        """Run one program from an event loop: as `run`. Waits while enough others are in flight.

        Calls must come from one event loop at a time."""
        loop = asyncio.get_running_loop()
        if self._gate is None or self._gate[0] is not loop:
            self._gate = loop, asyncio.Semaphore(_AHEAD * self.workers)
        async with self._gate[1]:
            futures = self._put(source, inputs, entry_point, twice)
            return _joined(await asyncio.gather(*map(asyncio.wrap_future, futures)))

    def layers(self) -> dict[str, bool | str]:
        """The layers of confinement: True where active, else why not."""
        return dict(self._layers)

    def close(self) -> None:
        """End all processes, also those at work; their programs raise SandboxError. May be called again."""
        self._finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _put(self, source: str, inputs: Sequence[Value], entry_point: str, twice: bool) -> list[Future[list[Outcome]]]:
        """The run of a program, and where asked for the one that it is compared with."""
        head, data = [entry_point.encode(), source.encode(errors="surrogatepass")], [encode(value) for value in inputs]
        orders = [data, data[::-1]] if twice else [data]
        return [self._crew.put(pack_job(head + order), len(data)) for order in orders]

    def _check(self, confinement: Confinement) -> None:
        missing = "; ".join(f"{name} ({why})" for name, why in self._layers.items() if why is not True)
        if missing and confinement == "required":
            raise SandboxError(f"confinement is required, but this system lacks: {missing}")
        if missing and missing not in _warned:
            _warned.add(missing)
            warnings.warn(f"the sandbox lacks layers of confinement: {missing}", RuntimeWarning, stacklevel=3)


def _joined(runs: Sequence[list[Outcome]]) -> list[Outcome]:
    """The outcomes of one run, or of two, marked."""
    return runs[0] if len(runs) == 1 else mark(*runs)


def doctor_report() -> dict[str, bool | str]:
    """What `soar doctor` shows of the sandbox: that a program runs, and each layer of confinement: True, or why not.

    Raises SandboxError when no sandbox can be started."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Sandbox(workers=1) as sandbox:
            [[outcome]] = sandbox.run([("def transform(grid):\n    return grid[::-1]", [[[1], [2]]])])
            works = outcome.value == [[2], [1]] or f"an honest program ended as {outcome}"
            return {"runs programs": works, **sandbox.layers()}


@dataclass(slots=True)
class _Job:
    data: bytes
    inputs: int
    future: Future[list[Outcome]]


class _Crew:
    """The workers: threads, each of which keeps one zygote alive. Does not know its Sandbox, which can so be freed."""

    layers: Sequence[str] = LAYERS

    def __init__(self, workers: int, limits: Limits) -> None:
        self.limits = limits
        self.jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self.lock = threading.Lock()  # guards `closed` and `handles`
        self.closed = False
        self.handles: list[ZygoteHandle | None] = [None] * workers
        self.threads: list[threading.Thread] = []
        self.owner = os.getpid()

    def start(self) -> dict[str, bool | str]:
        """Start all zygotes at once, and return the layers that hold. Raises SandboxError."""
        greetings: list[Future[dict[str, bool | str]]] = [Future() for _ in self.handles]
        for index, greeting in enumerate(greetings):
            thread = threading.Thread(target=self._work, args=(index, greeting), name=f"sandbox-{index}", daemon=True)
            thread.start()
            self.threads.append(thread)
        layers, *_ = [greeting.result() for greeting in greetings]
        return layers

    def put(self, data: bytes, inputs: int) -> Future[list[Outcome]]:
        job = _Job(data, inputs, Future())
        with self.lock:
            if self.closed:
                raise SandboxError("the sandbox is closed")
            if inputs:
                self.jobs.put(job)
            else:
                job.future.set_result([])
        return job.future

    def close(self) -> None:
        if os.getpid() != self.owner:  # a fork of the process that started them
            return
        with self.lock:
            self.closed = True
            for handle in self.handles:
                if handle is not None:
                    handle.hang_up()
        for _ in self.threads:
            self.jobs.put(None)
        for thread in self.threads:
            thread.join()

    def _work(self, index: int, greeting: Future[dict[str, bool | str]]) -> None:
        """A worker's life. Its zygote dies with this thread, if nothing else ends it."""
        try:
            greeting.set_result(self._zygote(index).layers)
        except (TroubleError, OSError) as error:
            greeting.set_exception(SandboxError(str(error)))
        except BaseException as error:  # belongs to whoever waits, as below: nobody may wait for ever
            greeting.set_exception(error)
        while (job := self.jobs.get()) is not None:
            if job.future.set_running_or_notify_cancel():
                try:
                    job.future.set_result(self._run(index, job))
                except BaseException as error:
                    job.future.set_exception(error)
        self._discard(index)

    def _run(self, index: int, job: _Job) -> list[Outcome]:
        causes: list[str] = []
        while len(causes) < _TRIES:
            if self.closed:
                raise SandboxError("the sandbox was closed while programs were running")
            try:
                return self._zygote(index).run(job.data, job.inputs)
            except (TroubleError, OSError) as error:
                causes.append(str(error))
                self._discard(index)
                if not self.closed:
                    record_incident("sandbox worker replaced", str(error))
                time.sleep(_PAUSE_SECONDS * (len(causes) - 1))
        raise SandboxError(f"the sandbox failed {_TRIES} times to run a program: {'; '.join(causes)}")

    def _zygote(self, index: int) -> ZygoteHandle:
        handle = self.handles[index]
        if handle is None:
            handle = ZygoteHandle(self.limits, self.layers)
            with self.lock:
                self.handles[index] = handle
                if self.closed:
                    handle.hang_up()
        return handle

    def _discard(self, index: int) -> None:
        handle = self.handles[index]
        with self.lock:
            self.handles[index] = None
        if handle is not None:
            handle.close()
