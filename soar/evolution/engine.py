"""The asynchronous engine: many tasks at once, generation and execution overlapping, in a thread of its own."""

from __future__ import annotations

import asyncio
import itertools
import queue
import threading
import time
from collections.abc import Coroutine, Generator
from dataclasses import replace

from soar.evolution.allocator import BudgetAllocator
from soar.evolution.budget import TaskState
from soar.evolution.plan import Plan, sampling
from soar.evolution.progress import Progress
from soar.evolution.requests import SearchContext
from soar.evolution.run_folder import RunFolder
from soar.evolution.snapshot import Snapshot
from soar.evolution.task_search import TaskSearch

SNAPSHOT_SECONDS = 0.5


class _EngineThread(threading.Thread):
    """Runs one coroutine in an event loop of its own, whatever loop the caller may be in."""

    def __init__(self, work: Coroutine[None, None, None]) -> None:
        super().__init__(name="soar-engine", daemon=True)
        self.loop = asyncio.new_event_loop()
        self.task = self.loop.create_task(work)
        self.open = True  # until the thread closes its loop, which then refuses calls while the thread is still alive
        self.lock = threading.Lock()

    def run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(asyncio.wait([self.task]))  # whatever the task raises, `result` raises
            with self.lock:
                self.open = False

    def stop(self) -> None:
        """Cancel what is under way and wait until it is gone."""
        with self.lock:
            if self.open:
                self.loop.call_soon_threadsafe(self.task.cancel)
        self.join()

    def result(self) -> None:
        """Raise what the work raised, if anything."""
        self.task.result()


def run_engine(plan: Plan, context: SearchContext, folder: RunFolder) -> Generator[Snapshot, None, None]:
    """Search all tasks of a plan; yield snapshots about twice a second and whenever a task ends.

    Closing the iterator cancels what is under way; what was recorded stays.

    Raises:
        ModelError, SandboxError, ArchiveError: as they come; what was recorded before stays.
    """
    snapshots: queue.SimpleQueue[Snapshot | None] = queue.SimpleQueue()
    thread = _EngineThread(search_all(plan, context, folder, snapshots))
    thread.start()
    try:
        while (snapshot := _next(snapshots, context.progress)) is not None:
            yield snapshot
    finally:
        thread.stop()
    thread.result()


def _next(snapshots: queue.SimpleQueue[Snapshot | None], progress: Progress) -> Snapshot | None:
    try:
        return snapshots.get(timeout=SNAPSHOT_SECONDS)
    except queue.Empty:
        return progress.snapshot()


async def search_all(
    plan: Plan, context: SearchContext, folder: RunFolder, snapshots: queue.SimpleQueue[Snapshot | None]
) -> None:
    """Search all tasks of a plan in the running event loop; put a snapshot whenever a task ends, and None at last.

    Raises: as `run_engine`.
    """
    progress = context.progress
    for id, count in plan.dropped.items():
        folder.log({"task": id, "dropped_examples": count})
    for id, others in plan.twins.items():
        folder.log({"task": id, "twins": others})
    rounds = _Rounds(plan, context, folder, snapshots)
    try:
        async with asyncio.TaskGroup() as group:
            # Two tasks more than the model has places: while some wait for the sandbox, others keep the model busy.
            for _ in range(min(len(rounds.work), context.client.requests + 2)):
                group.create_task(rounds.worker())
        rounds.finish()
    except BaseExceptionGroup as errors:
        raise _first(errors) from None
    finally:
        if progress.stopped is not None:
            folder.log({"stopped": progress.stopped, "completions": progress.completions})
        snapshots.put(None)


class _Rounds:
    """Every task, round after round of the budget; a task that is stopped goes on from the archive in the next round.

    Between two rounds of a task nothing of it is in memory but a few numbers: rounds cost reading, not memory.
    """

    def __init__(
        self, plan: Plan, context: SearchContext, folder: RunFolder, snapshots: queue.SimpleQueue[Snapshot | None]
    ) -> None:
        self.context, self.folder, self.snapshots = context, folder, snapshots
        self.work = {item[0].content_hash: item for item in plan.work}
        self.allocator = BudgetAllocator(
            context.budget, list(self.work), context.archive, context.config, context.progress.stop
        )
        self.turns = ((number, hash, item) for number in itertools.count() for hash, item in self.work.items())
        self.states: dict[str, TaskState] = {}  # of tasks that are not done
        self.counted: dict[str, dict[int | None, int]] = {hash: {} for hash in self.work}

    async def worker(self) -> None:
        """Take one turn after another until there are no more, or the search is stopped."""
        for number, hash, (task, prompt_set, prompt) in self.turns:
            granted = await self.allocator.granted(number, hash)
            if granted is None:
                self.context.client.scheduler.longest_first = True  # no task is left to begin
                return
            if number == 0 or granted != self.states[hash].granted:
                drawing = sampling(self.context.config, prompt_set)
                search = TaskSearch(task, prompt_set, drawing, self.context, prompt, granted, self.counted[hash])
                if self.context.progress.stop() or not await _search_one(search, number, self.folder):
                    await self.allocator.close()
                    return
                self.states[hash] = TaskState(search.completions, granted, search.best, search.solving, search.rewards)
                self.snapshots.put(self.context.progress.snapshot())
            elif self.states[hash].rewards:
                self.states[hash] = replace(self.states[hash], rewards=())
            await self.allocator.report(number, hash, self.states[hash])
            if self.allocator.over(number + 1):
                self._end(hash)
                self.snapshots.put(self.context.progress.snapshot())

    def finish(self) -> None:
        """Take note that tasks which might have got more are done as well; a stopper that came too late was none."""
        if self.allocator.settled():
            self.context.progress.stopped = None
        if self.context.progress.stopped is None:
            for hash in list(self.states):
                self._end(hash)

    def _end(self, hash: str) -> None:
        config = self.context.config
        unused = config.samples + config.refinements - self.states.pop(hash).completions
        self.context.progress.end(self.work[hash][0].id, unused)


async def _search_one(search: TaskSearch, number: int, folder: RunFolder) -> bool:
    """Search one task for one round; return whether the round was ended."""
    progress, task = search.context.progress, search.task
    started, known = time.monotonic(), progress.new_completions
    progress.begin(task.id)
    spent = await search.search()
    completions = progress.leave(task.id)
    line = {
        "task": task.id,
        "iteration": search.context.config.iteration,
        "round": number,
        "completions": completions,
        "solves_examples": search.solving > 0,
        "seconds": round(time.monotonic() - started, 3),
    }
    if spent and progress.new_completions > known:
        folder.log(line)
    return spent


def _first(error: BaseException) -> BaseException:
    """The error itself out of the groups that task groups wrap it in."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
