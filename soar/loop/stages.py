"""The stages of the loop, each a step that is done once: what is there already is not made again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from soar.core.terminal import notify
from soar.evolution.run_folder import RunFolder
from soar.evolution.snapshot import Snapshot
from soar.evolution.stopping import Stopper, on_ctrl_c
from soar.loop.config import LoopConfig, LoopError, LoopFolder, MethodName, Sets
from soar.loop.history import JOINT, one_vote
from soar.loop.report import LoopReport, write_report
from soar.loop.signals import SignalReport
from soar.loop.tracker import Tracker
from soar.tasks.sets import TaskSet

if TYPE_CHECKING:
    from datasets import Dataset

    from soar.evolution.results import SearchResults
    from soar.evolution.shards import Backend
    from soar.hindsight import HindsightReport
    from soar.models.adapter import Adapter
    from soar.models.base import LanguageModel
    from soar.training.config import TrainingConfig


Kind: TypeAlias = Literal["search", "hindsight", "training", "done"]


@dataclass(frozen=True, slots=True)
class LoopSnapshot:
    """The state of the loop at one moment.

    Attributes:
        kind: "search", "hindsight", "training" or "done".
        stage: what is under way: "search 1", "held-out search 0", "test-time training 1".
        stages_done, stages_total: how far the loop is.
        search: the state of the search that is under way, None in other stages.
        training: what the training that is under way tells of itself (see `soar.train_iter`), likewise.
        report: what is known so far; given when a stage ends.
    """

    kind: Kind
    stage: str
    stages_done: int
    stages_total: int
    search: Snapshot | None = None
    training: dict[str, Any] | None = None
    report: LoopReport | None = None


@dataclass(frozen=True, slots=True)
class SearchJob:
    """One search: of these tasks, as this round of the run in this folder.

    Attributes:
        examples: run and round whose solved tasks are shown where the prompts have room for one; None: nothing is.
        last: whether it is the last of several of these tasks; then one vote over all of them follows.
        times: how many searches' completions it makes.
        options: in place of those of all searches; with a budget of its own, only tasks that got some are evaluated.
    """

    title: str
    tasks: TaskSet
    run: Path
    iteration: int
    examples: tuple[Path, int] | None = None
    last: bool = False
    times: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def figures(self) -> Path:
        """The file that is there once the search is done."""
        return self.run / f"iteration-{self.iteration}" / "evaluation.json"


Steps = Generator[LoopSnapshot, None, None]


@dataclass(slots=True)
class Stages:
    """Runs stages one after another in a folder.

    Attributes:
        ctrl_c: whether Ctrl-C ends a search in order.
        backend: runs the searches in shards; None: here.
        total, done: number of stages.
        stopped: why a search was stopped before its end; then nothing more is done.
    """

    model: str
    config: LoopConfig
    sets: Sets
    folder: LoopFolder
    training: Mapping[MethodName, TrainingConfig]
    trackers: Sequence[Tracker]
    stop: Stopper | None
    ctrl_c: bool
    total: int
    backend: Backend | None = None
    done: int = 0
    stopped: str | None = None

    def searches(self, jobs: Sequence[SearchJob], adapter: Adapter | None) -> Steps:
        """Search what is not searched yet; the model is open only meanwhile, so that its memory is free afterwards.

        Raises:
            LoopError: the model cannot load the adapters that the loop makes.
        """
        pending = [job for job in jobs if not job.figures.exists()]
        self.done += len(jobs) - len(pending)
        if not pending:
            return
        with closing(self._open(adapter)) as model:
            if self.backend is not None:
                model.close()  # it was asked what it can do; each shard opens its own
            for job in pending:
                yield from self._search(job, model, adapter)
                if self.stopped is not None:
                    return

    def _open(self, adapter: Adapter | None) -> LanguageModel:
        from soar.models import open_model

        model = open_model(self.model)
        learns = self.config.iterations or self.sets.target is not None
        if adapter is None and learns and not model.capabilities.adapters:
            model.close()
            raise LoopError(
                f"model {self.model} cannot load adapters, so nothing it is taught would reach the next search: use "
                "mini, hf:NAME or vllm:NAME for the loop, or soar.search with this model"
            )
        return model

    def _search(self, job: SearchJob, model: LanguageModel, adapter: Adapter | None) -> Steps:
        from soar.evolution.api import search_iter

        results: SearchResults | None = None
        asked = model if self.backend is None else self.model
        options = self.config.search() | {"iteration": job.iteration, "few_shot": self._few_shot(job, model)}
        options |= {name: job.times * options[name] for name in ("samples", "refinements")} | dict(job.options)
        with self._timed(job.title), self._stopper() as stop:
            with closing(
                search_iter(job.tasks, asked, adapter=adapter, run=job.run, stop=stop, backend=self.backend, **options)
            ) as snapshots:
                for snapshot in snapshots:
                    yield self._now("search", job.title, snapshot)
                    results = snapshot.results
            assert results is not None  # the last snapshot has them
            self.stopped = results.stopped
            if self.stopped is None:
                self._evaluate(job, results)
        yield self._ended("search", job.title)

    def _few_shot(self, job: SearchJob, model: LanguageModel) -> str | None:
        """The solved tasks to show: those asked for, else those of the round before if prompts show any (3.1)."""
        from soar.evolution.few_shot import solved_tasks
        from soar.evolution.plan import prompt_sets_for

        if self.config.few_shot is not None or job.examples is None:
            return self.config.few_shot
        run, number = job.examples
        grids, others = prompt_sets_for(model, self.config)
        shown = all((grids if task.is_grid else others).few_shot for task in job.tasks.values())
        return f"{run}:{number}" if shown and solved_tasks(RunFolder(run), number).examples else None

    @contextmanager
    def _stopper(self) -> Iterator[Stopper | None]:
        if not self.ctrl_c:
            yield self.stop
            return
        with on_ctrl_c(notify) as pressed:
            yield pressed if self.stop is None else pressed | self.stop

    def _evaluate(self, job: SearchJob, results: SearchResults) -> None:
        from soar.evaluation import evaluate

        evaluation = evaluate(results, embedder=self.config.hindsight.embedder)
        if "budget" in job.options:
            evaluation = replace(evaluation, per_task=tuple(row for row in evaluation.per_task if row.completions))
        figures = {name: value.value for name, value in evaluation.summary.items() if value is not None}
        self._track({f"{job.title.rpartition(' ')[0]}/{name}": one for name, one in figures.items()}, job.iteration)
        if job.last:
            _write(job.figures.with_name(JOINT), one_vote(job.run, results, evaluation).to_json())
        _write(job.figures, evaluation.to_json())

    def rows(
        self, title: str, place: Path, make: Callable[[], tuple[Dataset, HindsightReport | SignalReport]]
    ) -> Steps:
        """Make the rows of a round, once.

        Raises:
            LoopError: not one attempt is worth a row.
        """
        if (place / "dataset").exists():
            self.done += 1
            return
        from soar.training.folder import save_whole

        yield self._now("hindsight", title)
        with self._timed(title):
            dataset, report = make()
            if not len(dataset):
                raise LoopError(
                    f"{title}: no attempt became a row, so there is nothing to learn from{self._advice()}: {report}"
                )
            _write(place / "report.json", report.to_json())
            save_whole(dataset, place / "dataset")
        yield self._ended("hindsight", title)

    def _advice(self) -> str:
        solved_only = self.config.hindsight.selection == "correct-only"
        return (
            " (correct-only rows come from solved tasks: --hindsight.selection greedy-diverse takes any)"
            if solved_only
            else ""
        )

    def train(
        self, title: str, place: Path, start: Adapter | None, method: MethodName = "sft", retain: Path | None = None
    ) -> Generator[LoopSnapshot, None, Adapter]:
        """Train on what a round has made, once, from an adapter or else from the base model; return the adapter.

        Args:
            retain: folder of the replies to hold on to; None: nothing is.
        """
        from datasets import load_from_disk

        from soar.models.adapter import Adapter
        from soar.training.job import train_iter

        if (place / "adapter" / "soar.json").exists():
            self.done += 1
            return Adapter.load(place / "adapter")
        yield self._now("training", title)
        with self._timed(title):
            dataset = load_from_disk(str(place / "dataset"))
            held = None if retain is None else load_from_disk(str(retain))
            how = self.training[method]
            events = train_iter(dataset, self.model, place / "adapter", how, continue_from=start, retain=held)
            with closing(events):
                for event in events:
                    yield self._now("training", title, training=event)
            adapter: Adapter = event["adapter"]
            curve = (place / "adapter" / "training.jsonl").read_text(encoding="utf-8").splitlines()
            for line in map(json.loads, curve):
                self._track({f"loss/{title}": line["loss"]}, line["step"])
        yield self._ended("training", title)
        return adapter

    def _track(self, figures: dict[str, float], step: int) -> None:
        for tracker in self.trackers:
            tracker.log(figures, step)

    def _now(
        self, kind: Kind, title: str, search: Snapshot | None = None, training: dict[str, Any] | None = None
    ) -> LoopSnapshot:
        return LoopSnapshot(kind, title, self.done, self.total, search, training)

    def _ended(self, kind: Kind, title: str) -> LoopSnapshot:
        self.done += 1
        return LoopSnapshot(kind, title, self.done, self.total, report=write_report(self.folder.path))

    @contextmanager
    def _timed(self, title: str) -> Iterator[None]:
        """Leave the seconds of a stage in `metrics.jsonl`; a start that comes to no end leaves its beginning."""
        started = time.time()
        folder = RunFolder(self.folder.path)
        folder.log({"stage": title, "began": round(started, 3)})
        yield
        folder.log({"stage": title, "seconds": round(time.time() - started, 3), "stopped": self.stopped})


def _write(file: Path, content: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    RunFolder(file.parent).write(file.name, content)
