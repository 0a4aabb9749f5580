"""The asynchronous engine: many tasks at once, generation and execution overlapping, in a thread of its own."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Coroutine, Generator, Mapping
from dataclasses import dataclass

from soar.errors import SoarError
from soar.models.base import LanguageModel, Prompt, Sampling
from soar.prompting import PromptSet, load_prompt_set
from soar.search.asking import Asker
from soar.search.config import ConfigError, SearchConfig
from soar.search.progress import Progress, Snapshot
from soar.search.run_folder import RunFolder
from soar.search.task_search import Bench, TaskSearch
from soar.task import Task

SNAPSHOT_SECONDS = 0.5
COUNTED_AT_ONCE = 256  # prompts whose tokens are counted in one call


class PromptTooLongError(SoarError):
    """A task's prompt does not fit the model's window; the message names task and length."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be searched: each task (without test outputs) with prompt set and sampling prompt; and what is not."""

    work: list[tuple[Task, PromptSet, Prompt]]
    skipped: dict[str, str]

    @property
    def prompt_sets(self) -> dict[str, PromptSet]:
        """The prompt sets in use, by name."""
        return {prompt_set.name: prompt_set for _, prompt_set, _ in self.work}


def make_plan(tasks: Mapping[str, Task], asker: Asker, config: SearchConfig) -> Plan:
    """Choose each task's prompt set and leave out what the model cannot be shown, before anything is sent.

    Raises:
        PromptTooLongError: no task is left, the only one among them.
        PromptError: the prompt set does not exist.
        ConfigError: the selector picks more parents than the prompt set can show.
    """
    usual, other = _prompt_sets(asker.model, config)
    plan = Plan([], {})
    for full in tasks.values():
        task = full.without_test_outputs()
        prompt_set = usual if task.is_grid else other
        if prompt_set.settings.grids_only and not task.is_grid:
            plan.skipped[task.id] = f"prompt set {prompt_set.name} shows grids only, this task has other values"
        else:
            plan.work.append((task, prompt_set, prompt_set.render(task)))
    for start in range(0, len(plan.work), COUNTED_AT_ONCE):
        _note_overlong(plan, asker, config, start)
    plan.work[:] = [item for item in plan.work if item[0].id not in plan.skipped]
    if tasks and not plan.work:
        id, reason = next(iter(plan.skipped.items()))
        raise PromptTooLongError(f"no task can be searched with model {asker.model.name}: task {id}: {reason}")
    return plan


def _prompt_sets(model: LanguageModel, config: SearchConfig) -> tuple[PromptSet, PromptSet]:
    """The set for grids, and the one for other values."""
    name = config.prompt_set or model.prompt_set
    if config.prompt_set is None and name == "soar" and config.selector == "crossover":
        name = "crossover"
    usual = load_prompt_set(name)
    other = load_prompt_set("values") if config.prompt_set is None and name in ("soar", "crossover") else usual
    if config.selector == "crossover" and usual.settings.parents < 2:
        raise ConfigError(
            f"prompt set {usual.name} shows one attempt at a time, the selector crossover picks two: "
            "pass prompt_set='crossover' with a model that can read it, or another selector"
        )
    return usual, other


def _note_overlong(plan: Plan, asker: Asker, config: SearchConfig, start: int) -> None:
    part = plan.work[start : start + COUNTED_AT_ONCE]
    limits = {item[1].name: max_tokens(config, item[1]) for item in part}
    for set_name, limit in limits.items():
        same = [item for item in part if item[1].name == set_name]
        for item, length in zip(same, asker.overlong([item[2] for item in same], limit), strict=True):
            if length is not None:
                plan.skipped[item[0].id] = (
                    f"its prompt has {length} tokens; with a reply of up to {limit} that is more than the "
                    f"{asker.model.capabilities.context_length} which {asker.model.name} can read"
                )


def max_tokens(config: SearchConfig, prompt_set: PromptSet) -> int:
    """The longest reply: the config's, else the prompt set's."""
    return config.max_tokens or prompt_set.settings.max_tokens


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
