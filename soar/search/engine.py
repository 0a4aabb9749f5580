"""The asynchronous engine: many tasks at once, generation and execution overlapping, in a thread of its own."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Coroutine, Generator

from soar.models.base import LanguageModel, Sampling
from soar.search.asking import Asker
from soar.search.config import SearchConfig
from soar.search.planning import Plan, max_tokens
from soar.search.progress import Progress, Snapshot
from soar.search.run_folder import RunFolder
from soar.search.task_search import Bench, TaskSearch

SNAPSHOT_SECONDS = 0.5


def make_asker(model: LanguageModel, config: SearchConfig) -> Asker:
    """The model with the config's sampling and concurrency."""
    return Asker(model, Sampling(config.temperature, config.min_p), config.concurrency)


class _EngineThread(threading.Thread):
    """Runs one coroutine in an event loop of its own, whatever loop the caller may be in."""

    def __init__(self, work: Coroutine[None, None, None]) -> None:
        super().__init__(name="soar-engine", daemon=True)
        self.loop = asyncio.new_event_loop()
        self.task = self.loop.create_task(work)

    def run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(asyncio.wait([self.task]))  # whatever the task raises, `result` raises

    def stop(self) -> None:
        """Cancel what is under way and wait until it is gone."""
        if self.is_alive():
            self.loop.call_soon_threadsafe(self.task.cancel)
        self.join()

    def result(self) -> None:
        """Raise what the work raised, if anything."""
        self.task.result()


def run_engine(plan: Plan, bench: Bench, folder: RunFolder) -> Generator[Snapshot, None, None]:
    """Search all tasks of a plan; yield snapshots about twice a second and whenever a task ends.

    Closing the iterator cancels what is under way; what was recorded stays.

    Raises:
        ModelError, SandboxError, ArchiveError: as they come; what was recorded before stays.
    """
    snapshots: queue.SimpleQueue[Snapshot | None] = queue.SimpleQueue()
    thread = _EngineThread(_search_all(plan, bench, folder, snapshots))
    thread.start()
    try:
        while (snapshot := _next(snapshots, bench.progress)) is not None:
            yield snapshot
    finally:
        thread.stop()
    thread.result()


def _next(snapshots: queue.SimpleQueue[Snapshot | None], progress: Progress) -> Snapshot | None:
    try:
        return snapshots.get(timeout=SNAPSHOT_SECONDS)
    except queue.Empty:
        return progress.snapshot()


async def _search_all(
    plan: Plan, bench: Bench, folder: RunFolder, snapshots: queue.SimpleQueue[Snapshot | None]
) -> None:
    waiting = iter(plan.work)
    for id, count in plan.dropped.items():
        folder.log({"task": id, "dropped_examples": count})

    async def worker() -> None:
        for task, prompt_set, prompt in waiting:
            if bench.progress.stop():
                return
            await _search_one(TaskSearch(task, prompt_set, max_tokens(bench.config, prompt_set), bench, prompt), folder)
            snapshots.put(bench.progress.snapshot())

    try:
        async with asyncio.TaskGroup() as group:
            # Two tasks more than the model has places: while some wait for the sandbox, others keep the model busy.
            for _ in range(min(len(plan.work), bench.asker.concurrency + 2)):
                group.create_task(worker())
    except BaseExceptionGroup as errors:
        raise _first(errors) from None
    finally:
        if bench.progress.stopped is not None:
            folder.log({"stopped": bench.progress.stopped, "completions": bench.progress.completions})
        snapshots.put(None)


async def _search_one(search: TaskSearch, folder: RunFolder) -> None:
    progress, task = search.bench.progress, search.task
    config = search.bench.config
    started, known = time.monotonic(), progress.new_completions
    progress.begin(task.id)
    if not await search.search():
        progress.leave(task.id)
        return
    line = {
        "task": task.id,
        "iteration": config.iteration,
        "completions": progress.current[task.id],
        "solves_examples": task.id in progress.solved,
        "seconds": round(time.monotonic() - started, 3),
    }
    if progress.new_completions > known:
        folder.log(line)
    progress.end(task.id, config.samples + config.refinements)


def _first(error: BaseException) -> BaseException:
    """The error itself out of the groups that task groups wrap it in."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
