"""One search in several parts: a shard is a run of its own over a slice of the tasks, and merging makes them one again.

Draws are keyed by task, so shards with a fixed budget find, together, what one search of all tasks finds. Shards of a
run lie in its folder, `shards/1-of-8` and so on; killed, they go on where they were, wherever they are started again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from soar.archive.reader import Archive
from soar.core.errors import expect_path
from soar.core.terminal import notify
from soar.evolution.config import ConfigError, SearchConfig
from soar.evolution.few_shot import find_pool, freeze
from soar.evolution.merging import merge_runs
from soar.evolution.results import SearchResults
from soar.evolution.run_folder import RunFolder
from soar.evolution.session import by_id, run_session
from soar.evolution.snapshot import Snapshot
from soar.evolution.stopping import Stopper
from soar.tasks.given import TaskSource
from soar.tasks.sets import TaskSet
from soar.tasks.task import Task, twins_of

if TYPE_CHECKING:
    from soar.models.adapter import Adapter

FOLDER = "shards"


@dataclass(frozen=True, slots=True)
class Shard:
    """A slice of a search.

    Attributes:
        model: its name: every shard opens its own.
        adapter: its folder, or None.
        run: folder of the shard's own run.
        options: those of the search.
    """

    tasks: tuple[Task, ...]
    model: str
    adapter: str | None
    run: Path
    options: Mapping[str, Any]

    @property
    def name(self) -> str:
        """`3-of-8`."""
        return self.run.name

    def search(self) -> None:
        """Search the slice in this process, to its end."""
        tasks = TaskSet(self.tasks, self.name)
        with closing(run_session(tasks, self.model, self.adapter, self.run, None, None, self.options)) as snapshots:
            for _ in snapshots:
                pass


@dataclass(frozen=True, slots=True)
class Happening:
    """What a backend tells of its shards.

    Attributes:
        kind: "ended": a shard is whole; "event": something that who watches should know, such as a lost node;
            "tick": nothing, but it is time to look at the archives again.
        shard: which one ended.
    """

    kind: Literal["ended", "event", "tick"]
    detail: str = ""
    shard: Shard | None = None


class Backend(Protocol):
    """Runs shards somewhere: `soar.Ray` on many machines."""

    @property
    def shards(self) -> int:
        """Into how many a search is divided."""
        ...

    def map(self, shards: Sequence[Shard]) -> Generator[Happening, None, None]:
        """Run all shards to their end; tell what happens, every few seconds at least. Closed, it stops them."""
        ...


def split(tasks: Mapping[str, Task], count: int) -> list[tuple[Task, ...]]:
    """Deal tasks out to `count` shards in turn; tasks of equal content, which share one search, stay together."""
    first, twins = twins_of(tasks)
    dealt = [first[number::count] for number in range(count)]
    return [tuple(tasks[id] for task in some for id in (task.id, *twins.get(task.id, []))) for some in dealt]


def place(run: Path, number: int, of: int) -> Path:
    """The folder of a shard."""
    return run / FOLDER / f"{number}-of-{of}"


def search_in_shards(
    tasks: TaskSource,
    model: object,
    adapter: str | Path | Adapter | None,
    run: str | Path | None,
    stop: Stopper | None,
    backend: Backend,
    options: Mapping[str, Any],
) -> Generator[Snapshot, None, None]:
    """Search tasks in shards, merge these into the run's folder, and yield snapshots as `soar.search_iter` does.

    What stops a search is asked about all shards together; those under way are then ended, and what they have counts.

    Raises:
        ConfigError: the budget is one that tasks share, the run was divided in another way before, or what the shards
            need to know is an object of this process.
    """
    config = SearchConfig.of(options)
    wanted = {id: config.tolerant(task) for id, task in by_id(tasks).items()}
    if run is None or not isinstance(model, str):
        raise ConfigError("shards open the model themselves and leave runs: give the model's name, and a run folder")
    folder, count = RunFolder(expect_path(run, "run").absolute()), min(backend.shards, len(wanted))
    _check(config, folder, count)
    place_of = adapter if adapter is None or isinstance(adapter, (str, Path)) else adapter.path
    trained = None if place_of is None else str(Path(place_of).absolute())
    pool = find_pool(folder, config, wanted)
    shards = [
        Shard(some, model, trained, place(folder.path, number, count), dict(options))
        for number, some in enumerate(split(wanted, count), 1)
    ]
    for shard in shards:
        shard.run.mkdir(parents=True, exist_ok=True)
        freeze(RunFolder(shard.run), config.iteration, pool)
    watch, stopped = _Watch(shards, wanted, config), None
    with closing(backend.map(shards)) as happenings:
        for happening in happenings:
            if happening.kind == "event":
                notify(happening.detail)
                folder.log({"event": "cluster", "detail": happening.detail})
                watch.events["cluster"] = watch.events.get("cluster", 0) + 1
            snapshot = watch.now()
            stopped = None if stop is None else stop.reason(snapshot)
            yield replace(snapshot, stopped=stopped)
            if stopped is not None:
                break
    begun = [shard for shard in shards if config.iteration in RunFolder(shard.run).rounds()]
    if not begun:
        raise ConfigError(f"stopped before any shard had begun ({stopped}): the same call begins them")
    inventory = folder.tasks() | wanted  # in the order in which they were given, not by shard
    folder.write("tasks.json", {id: task.to_json() for id, task in inventory.items()})
    merge_runs(folder.path, [shard.run for shard in begun])
    _gather_metrics(folder, begun)
    skipped = {id: why for id, why in folder.skipped(config.iteration).items() if id in wanted}
    results = SearchResults(folder, wanted, config, skipped, stopped)
    yield replace(watch.now(), stopped=stopped, results=results)


def _check(config: SearchConfig, folder: RunFolder, count: int) -> None:
    if config.budget != "fixed":
        raise ConfigError("shards do not know of each other, so tasks cannot share a budget: search with budget fixed")
    others = {path.name for path in (folder.path / FOLDER).glob("1-of-*")} - {f"1-of-{count}"}
    if others:
        of = min(others).rpartition("-")[2]
        raise ConfigError(f"{folder.path} was divided into {of} shards: give {of} again, or another run folder")


def _gather_metrics(folder: RunFolder, shards: Sequence[Shard]) -> None:
    """Bring the lines of the shards' `metrics.jsonl` that are not there yet into the run's."""
    known = folder.metrics()
    for shard in shards:
        taken = sum(line.get("shard") == shard.name for line in known)
        for line in RunFolder(shard.run).metrics()[taken:]:
            folder.log(line | {"shard": shard.name})


class _Watch:
    """How far all shards are together, out of their archives."""

    def __init__(self, shards: Sequence[Shard], tasks: Mapping[str, Task], config: SearchConfig) -> None:
        self.shards, self.tasks, self.config = shards, tasks, config
        self.events: dict[str, int] = {}
        self.began = time.monotonic()
        self.before, _ = self._counts()

    def now(self) -> Snapshot:
        """The state as `soar.search_iter` gives it; tasks under way and time left are not known."""
        (counts, cost), ended, skipped = self._counts(), dict[str, bool](), dict[str, str]()
        for shard in self.shards:
            folder = RunFolder(shard.run)
            lines = [line for line in folder.metrics() if line.get("iteration") == self.config.iteration]
            ended |= {line["task"]: line["solves_examples"] for line in lines if "solves_examples" in line}
            if self.config.iteration in folder.rounds():
                skipped |= folder.skipped(self.config.iteration)
        seconds = time.monotonic() - self.began
        new = {name: (count - self.before[name]) / max(seconds, 1e-9) for name, count in counts.items()}
        return Snapshot(
            tasks_done=len(ended), tasks_total=len(self.tasks) - len(skipped), solved_examples=sum(ended.values()),
            completions=counts["completions"], programs=counts["completions"] - counts["parse_failures"],
            budget=len(self.tasks) * (self.config.samples + self.config.refinements),
            parse_failures=counts["parse_failures"], tokens=counts["tokens"], seconds=seconds,
            programs_per_second=new["completions"] - new["parse_failures"], tokens_per_second=new["tokens"],
            current=(), time_left=None, skipped=skipped, dropped={}, events=dict(self.events), cost=cost,
        )  # fmt: skip

    def _counts(self) -> tuple[Counter[str], float | None]:
        """What all archives hold together, and what it cost where that is known."""
        total, costs = Counter(completions=0, parse_failures=0, tokens=0), list[float | None]()
        for archive in self._archives():
            total.update(archive.counts(iteration=self.config.iteration))
            costs.append(archive.cost(iteration=self.config.iteration))
        known = [cost for cost in costs if cost is not None]
        return total, sum(known) if known else None

    def _archives(self) -> Iterator[Archive]:
        for shard in self.shards:
            if (shard.run / "config.json").exists():  # written once the archive is there
                with Archive(RunFolder(shard.run).archive) as archive:
                    yield archive
