"""One search from start to end: opens model, sandbox and run folder, runs the engine, closes everything again."""

from __future__ import annotations

import shutil
import tempfile
import time
import weakref
from collections.abc import Generator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soar.archive.writer import ArchiveWriter
from soar.core.errors import expect, expect_path
from soar.core.incidents import collect_incidents
from soar.core.terminal import notify
from soar.evolution.allocator import make_budget
from soar.evolution.client import ModelClient
from soar.evolution.config import ConfigError, SearchConfig
from soar.evolution.cost import worst_case, worst_case_text
from soar.evolution.engine import run_engine
from soar.evolution.few_shot import find_pool, freeze
from soar.evolution.plan import make_plan, sampling
from soar.evolution.progress import Progress
from soar.evolution.requests import SearchContext
from soar.evolution.results import SearchResults
from soar.evolution.run_folder import RunFolder
from soar.evolution.snapshot import Snapshot
from soar.evolution.stopping import Stopper, checked_stopper
from soar.models.base import LanguageModel
from soar.sandbox import Sandbox
from soar.sandbox.executor import Executor
from soar.tasks.given import TaskSource, as_tasks
from soar.tasks.task import Task

if TYPE_CHECKING:
    from soar.models.adapter import Adapter


def run_session(
    tasks: TaskSource,
    model: str | LanguageModel,
    adapter: str | Path | Adapter | None,
    run: str | Path | None,
    stop: Stopper | None,
    executor: Executor | None,
    options: Mapping[str, Any],
) -> Generator[Snapshot, None, None]:
    """See `soar.search_iter`. Nothing is written before options, tasks and model are found good."""
    config = SearchConfig.of(options)
    _check_model(model)
    expect(executor, Executor | None, "executor", "an object with an async method submit()")
    wanted = {id: config.tolerant(task) for id, task in by_id(tasks).items()}
    temporary = _TemporaryFolder() if run is None else None
    folder = RunFolder((Path(temporary.path) if temporary else expect_path(run, "run")).absolute())
    with ExitStack() as stack:
        # The sandbox comes first: its process should be small and begin before a model brings torch.
        runs = executor or stack.enter_context(Sandbox(workers=config.workers, limits=config.limits))
        opened = _open(model, stack)
        trained = _load(opened, adapter)
        if stop is not None:
            checked_stopper(stop).check(opened)
        asked, config = config, config.suited_to(opened.capabilities)
        client = ModelClient(opened, config.concurrency)
        plan = make_plan(wanted, client, config)
        if trained is not None:
            trained.check(opened.name, [one.label for one in plan.prompt_sets.values()])
        keeps = make_budget(config, {item[0].content_hash: item[0] for item in plan.work})
        pool = find_pool(folder, config, wanted)
        archive = stack.enter_context(ArchiveWriter(folder.archive))
        raised = folder.claim(
            config, opened, plan.prompt_sets, wanted, plan.skipped, pool.hash if pool else None, executor
        )
        freeze(folder, config.iteration, pool)
        budget = len(plan.work) * (config.samples + config.refinements)
        total = len(wanted) - len(plan.skipped)
        progress = Progress(total, budget, plan.skipped, plan.dropped, plan.twins, stop)
        progress.spend(archive.cost(iteration=config.iteration))
        note = _Notes(folder, progress)
        if at_hand := archive.counts(iteration=config.iteration)["completions"]:
            note("search resumed", f"with {at_hand} completions at hand")
        if raised:
            note("budget raised", raised)
        stack.enter_context(collect_incidents(note))
        drawn = [sampling(config, prompt_set) for prompt_set in plan.prompt_sets.values()]
        for kind, meaning in client.missing(plan.prompt_sets.values(), drawn).items():
            notify(f"{kind}: {meaning}")
            folder.log({"missing": kind, "detail": meaning})
        if asked.stop_when_solved is None and config.enough is not None:
            notify(f"asks no further for a task once {config.enough} programs solve its examples (stop_when_solved)")
        if opened.capabilities.prices is not None:
            notify(worst_case_text(worst_case(plan, client, config), opened.capabilities.prices))
        context = SearchContext(client, runs, archive, config, progress, keeps, pool)
        yield from run_engine(plan, context, folder)
    results = SearchResults(folder, wanted, config, plan.skipped, progress.stopped, keep=temporary)
    yield replace(progress.snapshot(), results=results)


@dataclass(frozen=True, slots=True)
class _Notes:
    """Counts events, and writes each down at once: it should outlive whatever happens next."""

    folder: RunFolder
    progress: Progress

    def __call__(self, kind: str, detail: str) -> None:
        self.progress.events[kind] = self.progress.events.get(kind, 0) + 1
        self.folder.log({"event": kind, "detail": detail, "time": time.time()})


class _TemporaryFolder:
    """A folder that goes when the last result that needs it does."""

    def __init__(self) -> None:
        self.path = tempfile.mkdtemp(prefix="soar-")
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def _open(model: str | LanguageModel, stack: ExitStack) -> LanguageModel:
    if not isinstance(model, str):
        return model
    from soar.models import open_model

    opened = open_model(model)
    stack.callback(opened.close)
    return opened


def _load(model: LanguageModel, adapter: str | Path | Adapter | None) -> Adapter | None:
    """Let the model answer with the adapter, if one is given and not loaded yet; return it where it knows its origin.

    Comes before the model is asked anything: a server that knows the adapter starts with room for its rank.

    Raises:
        ConfigError: the folder holds no adapter.
        ModelError: the model cannot load adapters, or not this one.
    """
    if adapter is None:
        return None
    from soar.models.adapter import MATRICES, RECORD, WEIGHTS, Adapter, holds_weights

    folder = (adapter.path if isinstance(adapter, Adapter) else expect_path(adapter, "adapter")).absolute()
    if not (folder / "adapter_config.json").exists() and not holds_weights(folder):
        raise ConfigError(f"{folder} holds no adapter: give a folder with adapter_config.json, or with whole weights")
    for name in ("adapter_config.json", MATRICES, WEIGHTS):
        if (folder / name).exists() and not (folder / name).stat().st_size:
            raise ConfigError(f"{folder / name} is empty: the adapter was not written to its end; train it again")
    trained = Adapter.load(folder) if (folder / RECORD).exists() else None
    if trained is None or model.adapter != trained.name:
        model.load_adapter(str(folder))
    return trained


def by_id(tasks: object) -> dict[str, Task]:
    given = as_tasks(tasks)
    by_id: dict[str, Task] = {}
    for task in [given] if isinstance(given, Task) else given:
        if task.id in by_id:
            raise ConfigError(f"two tasks have the id {task.id!r}: give each an id of its own")
        by_id[task.id] = task
    if not by_id:
        raise ConfigError("no tasks to search: the set is empty")
    return by_id


def _check_model(model: object) -> None:
    """Raise ConfigError where an object is given that cannot be a model."""
    if not isinstance(model, (str, LanguageModel)):
        members = ("name", "adapter", "prompt_set", "capabilities", "complete", "count_tokens", "load_adapter", "close")
        lacks = ", ".join(name for name in members if not hasattr(model, name))
        raise ConfigError(
            f"{model!r} is no model: it lacks {lacks}, which the Protocol soar.LanguageModel asks for; give a name, "
            "such as 'mini', or an object that has them"
        )
