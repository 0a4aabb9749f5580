"""The loop: search, learn from every attempt in hindsight, train, search again (SOAR, section 3 and algorithm 3).

Round k searches the training tasks with the adapter of round k - 1 (the base model in round 0), turns the attempts into
rows and trains an adapter on them, from the base model unless told otherwise; after the last round comes a last search.
With target tasks, an adapter is then trained on the rows of all rounds, and test-time rounds on the targets follow,
which read none of their test outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from soar.core.errors import expect, expect_path
from soar.evolution.stopping import Stopper
from soar.loop.config import (
    DRAWN,
    REINFORCED,
    LoopConfig,
    LoopError,
    LoopFolder,
    MethodName,
    Sets,
    refuse_leaks,
    separate,
)
from soar.loop.report import LoopReport, load_report
from soar.loop.retained import make_retained
from soar.loop.signals import SignalReport, make_signal, trainings_of
from soar.loop.stages import LoopSnapshot, SearchJob, Stages, Steps
from soar.loop.teaching import LoopTeacher
from soar.loop.tracker import open_trackers
from soar.tasks.given import TaskSource

if TYPE_CHECKING:
    from datasets import Dataset

    from soar.evolution.shards import Backend
    from soar.hindsight import HindsightReport
    from soar.loop.signals import Trainings
    from soar.loop.typed import LoopOptions
    from soar.models.adapter import Adapter

__all__ = ["LoopConfig", "LoopError", "LoopReport", "LoopSnapshot", "iterate", "iterate_iter", "load_report"]


def iterate(
    tasks: TaskSource,
    model: str = "mini",
    *,
    held_out: TaskSource | None = None,
    target: TaskSource | None = None,
    run: str | Path = "runs/demo",
    training: Trainings = None,
    pool: Sequence[str | Path] = (),
    drop_overlap: bool = False,
    track: Sequence[str] = (),
    stop: Stopper | None = None,
    backend: Backend | None = None,
    progress: bool | None = None,
    **options: Unpack[LoopOptions],
) -> LoopReport:
    """Let a model get better at a set of tasks by searching them and learning from every attempt; return the figures.

    Killed or interrupted, the same call goes on where it was: no finished stage is run again. Ctrl-C in a search
    finishes the requests under way and returns; anywhere else it raises KeyboardInterrupt.

    Args:
        tasks: the training tasks; their test outputs are used in hindsight.
        model: `mini`, `hf:NAME_OR_FOLDER` or `vllm:NAME_OR_FOLDER`; it must be able to load adapters.
        held_out: tasks that are searched before and after, and never learnt from.
        target: tasks to solve at last, with `ttt` test-time rounds; their test outputs are never read.
        run: folder of everything that is made.
        training: how to train, one `TrainingConfig` for each method or for some; None: what suits the model.
        pool: folders of other runs whose rows join those of this one before test time (other models, other seeds).
        drop_overlap: leave out training tasks that share examples with held-out or target tasks, instead of refusing.
        track: "wandb", "trackio": sends figures there as well; files for TensorBoard are always written.
        stop: ends the loop in the middle of a search; asked in each search anew.
        backend: runs the searches in shards, such as `soar.Ray(...)`; rows and trainings are made here. None: all here.
        progress: show it; None: in a terminal or a notebook only.
        options: those of `LoopConfig`, such as iterations=4, samples=32, refinements=32, seed=0, ttt=2.

    Raises:
        ConfigError, LoopError: an option is unknown, or another one than in the folder; sets overlap; the model cannot
            learn.
        ModelError, SandboxError, TrainingError: the machinery failed; what was recorded stays.
    """
    from soar.core.terminal import notify
    from soar.evolution.progress_bar import watched
    from soar.training.progress import watched as training_watched

    steps = _steps(
        tasks, model, held_out, target, run, training, pool, drop_overlap, track, stop, backend, True, dict(options)
    )
    last = _Last(steps)
    with closing(steps):
        for (kind, stage), group in groupby(last, key=lambda snapshot: (snapshot.kind, snapshot.stage)):
            if kind != "done" and progress is not False:
                notify(stage)
            shown: Iterator[object]
            if kind == "training":
                shown = training_watched((one.training for one in group if one.training is not None), progress)
            else:
                shown = watched((one.search for one in group if one.search is not None), progress)
            for _ in shown:
                pass
    assert last.report is not None  # the last snapshot has it
    return last.report


@dataclass(slots=True)
class _Last:
    """Passes snapshots on and keeps the last."""

    snapshots: Iterator[LoopSnapshot]
    report: LoopReport | None = None

    def __iter__(self) -> Iterator[LoopSnapshot]:
        for snapshot in self.snapshots:
            self.report = snapshot.report or self.report
            yield snapshot


def iterate_iter(
    tasks: TaskSource,
    model: str = "mini",
    *,
    held_out: TaskSource | None = None,
    target: TaskSource | None = None,
    run: str | Path = "runs/demo",
    training: Trainings = None,
    pool: Sequence[str | Path] = (),
    drop_overlap: bool = False,
    track: Sequence[str] = (),
    stop: Stopper | None = None,
    backend: Backend | None = None,
    **options: Unpack[LoopOptions],
) -> Steps:
    """Run the loop as `iterate` does and yield snapshots: those of every search, and one when a stage begins and ends.

    The last snapshot has the whole report. Closing the iterator ends the loop at once; what was recorded stays.
    """
    return _steps(
        tasks, model, held_out, target, run, training, pool, drop_overlap, track, stop, backend, False, dict(options)
    )


def _steps(
    tasks: TaskSource,
    model: str,
    held_out: TaskSource | None,
    target: TaskSource | None,
    run: str | Path,
    training: Trainings,
    pool: Sequence[str | Path],
    drop_overlap: bool,
    track: Sequence[str],
    stop: Stopper | None,
    backend: Backend | None,
    ctrl_c: bool,
    options: dict[str, Any],
) -> Steps:
    if not isinstance(model, str):
        raise LoopError("the loop opens and closes its model itself: give its name, such as 'mini' or 'vllm:NAME'")
    expect(pool, (list, tuple), "pool", "a list of run folders")
    expect(track, (list, tuple), "track", "a list of names, such as ['wandb']")
    place = expect_path(run, "run")
    config = LoopConfig.for_model(model, options)
    if config.ttt and target is None:
        raise LoopError("ttt rounds need target tasks: pass target=... (--target)")
    sets = separate(tasks, held_out, target, drop_overlap)
    others = [Path(one).absolute() for one in pool]
    refuse_leaks(others, sets)
    how = trainings_of(model, config, training, test_time=target is not None)
    folder = LoopFolder(place.absolute())
    teacher = LoopTeacher.of(config, folder, sets)
    claimed: dict[str, Any] = {name: how[name].model_dump(mode="json") for name in dict.fromkeys(config.method)}
    one = claimed[config.method[0]] if len(claimed) == 1 else claimed
    folder.claim(model, config, sets, one, list(map(str, others)))
    with ExitStack() as stack:
        trackers = [stack.enter_context(closing(one)) for one in open_trackers(track, folder.path)]
        stages = Stages(model, config, sets, folder, how, trackers, stop, ctrl_c, _count(config, sets), backend)
        loop = _Loop(stages, others, teacher)
        yield from loop.rounds()
        if config.control and stages.stopped is None:
            yield from loop.control()
        if target is not None and stages.stopped is None:
            yield from loop.test_time()
    yield LoopSnapshot(
        "done", "done", stages.done, stages.total, report=load_report(folder.path, stopped=stages.stopped)
    )


def _count(config: LoopConfig, sets: Sets) -> int:
    searched = config.iterations + 1
    held_out = 0 if sets.held_out is None else (searched if config.held_out_every else min(2, searched))
    test_time = 0 if sets.target is None else 3 * config.ttt + 3
    control = (1 + (sets.held_out is not None)) * config.control
    methods: set[MethodName] = {config.method_of(number) for number in range(config.iterations)}
    methods |= set() if sets.target is None else {"sft"}
    retain = 2 * any(map(config.retains, methods))
    return searched + held_out + 2 * config.iterations + control + test_time + retain


class _Loop:
    """Which stages there are, in which order, and what each works with."""

    def __init__(self, stages: Stages, pool: list[Path], teacher: LoopTeacher | None = None) -> None:
        self.stages, self.pool, self.teacher = stages, pool, teacher
        self.config, self.sets, self.folder = stages.config, stages.sets, stages.folder
        self.adapter: Adapter | None = None
        self.retained = False  # whether the replies to hold on to are there

    def rounds(self) -> Steps:
        """Search, hindsight and training, again and again, and a last search."""
        for number in range(self.config.iterations + 1):
            yield from self.stages.searches(self._jobs(number), self.adapter)
            if self.stages.stopped is not None or number == self.config.iterations:
                return
            if self.teacher is not None:
                self.teacher.learn(number)
            place, method = self.folder.round(number), self.config.method_of(number)
            yield from self.stages.rows(f"hindsight {number}", place, partial(self._signal, number, method))
            yield from self._train(f"training {number}", place, method)
            if self.stages.stopped is not None:
                return

    def control(self) -> Steps:
        """Search what was searched, without learning: with the base model, and as many completions as all searches."""
        jobs = []
        for name, tasks in (("training", self.sets.training), ("held-out", self.sets.held_out)):
            if tasks is not None:
                every = name == "training" or self.config.held_out_every
                times = self.config.iterations + 1 if every else min(2, self.config.iterations + 1)
                jobs.append(SearchJob(f"{name} control 0", tasks, self.folder.control(name), 0, times=times))
        yield from self.stages.searches(jobs, None)

    def test_time(self) -> Steps:
        """Learn from all rounds together, then search the target tasks and learn from them, without their answers."""
        pooled, target = self.folder.pooled, self.folder.target
        assert self.sets.target is not None
        runs = [self.folder.path, *self.pool]
        make = partial(make_signal, "sft", runs, "all", self.config)
        yield from self.stages.rows("hindsight of all rounds", pooled, make)
        yield from self._train("training on all rounds", pooled)
        if self.stages.stopped is not None:
            return
        for number in range(self.config.ttt + 1):
            shown = (self.folder.path, self.config.iterations)
            last = number == self.config.ttt > 0
            job = SearchJob(f"test-time search {number}", self.sets.target, target, number, shown, last)
            yield from self.stages.searches([job], self.adapter)
            if self.stages.stopped is not None or number == self.config.ttt:
                return
            place = target / f"iteration-{number}"
            yield from self.stages.rows(f"test-time hindsight {number}", place, partial(self._test_time_rows, number))
            yield from self._train(f"test-time training {number}", place)

    def _train(self, title: str, place: Path, method: MethodName = "sft") -> Steps:
        retain = None
        if self.config.retains(method):
            retain = self.folder.retain / "dataset"
            if not self.retained:
                yield from make_retained(self.stages)
                self.retained = True
        if self.stages.stopped is None:
            start = self.adapter if self.config.continued or method in REINFORCED else None
            self.adapter = yield from self.stages.train(title, place, start, method, retain)

    def _jobs(self, number: int) -> list[SearchJob]:
        shown = (self.folder.path, number - 1) if number else None
        last = number == self.config.iterations > 0
        # The last search too: a round more may be asked for later.
        drawn = self.config.method_of(number) in DRAWN
        options: dict[str, Any] = {"keep_tokens": True, "few_shot": None} if drawn else {}
        teacher = self.teacher if number < self.config.iterations else None
        options |= {} if teacher is None else {"budget": teacher.budget(number)}
        jobs = [SearchJob(f"search {number}", self.sets.training, self.folder.path, number, shown, last, 1, options)]
        if self.sets.held_out is not None and (number == 0 or last or self.config.held_out_every):
            held_out = self.folder.held_out
            jobs.append(SearchJob(f"held-out search {number}", self.sets.held_out, held_out, number, shown, last))
        return jobs

    def _signal(self, number: int, method: MethodName) -> tuple[Dataset, HindsightReport | SignalReport]:
        """What an iteration learns from; of rows those that the teacher draws."""
        every = method == "tokens" or (self.config.hindsight.scope == "all" and method not in DRAWN)
        made, report = make_signal(method, [self.folder.path], "all" if every else number, self.config)
        if self.teacher is None or isinstance(report, SignalReport):
            return made, report
        return self.teacher.drawn(number, made, report)

    def _test_time_rows(self, number: int) -> tuple[Dataset, HindsightReport]:
        """The rows of the target's attempts, and those of all rounds: the former alone would hurt refinement."""
        from datasets import concatenate_datasets, load_from_disk

        from soar.hindsight import make_dataset
        from soar.hindsight.rows import BY_VOTE

        options = self.config.hindsight.rows()
        del options["refinement"]  # there are none at test time
        if options["selection"] not in BY_VOTE:
            del options["selection"]
        own, report = make_dataset(
            [self.folder.target], iteration=number, seed=self.config.seed, test_time=True, **options
        )
        pooled = load_from_disk(str(self.folder.pooled / "dataset"))
        return concatenate_datasets([pooled, own]), report
