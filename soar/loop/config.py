"""What the loop can be told, which sets it works on, and what it writes down of both."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias, get_args

from pydantic import BeforeValidator, Field

from soar.core.custom import Custom, name_or
from soar.core.errors import SoarError, expect
from soar.core.manifest import Manifest, May, may, rules_of
from soar.core.options import Options
from soar.evolution.config import SearchConfig
from soar.evolution.run_folder import RunFolder
from soar.models.spec import ModelSpec
from soar.tasks.given import TaskSource, as_tasks
from soar.tasks.sets import Overlap, TaskSet, drop_overlap, overlap
from soar.tasks.task import Task
from soar.tasks.values import canonical_json

SHOWN = 12  # overlapping tasks named in a message
# What `mini` learns from, found by measurement on domains: experiments/recipe.py, docs/training.md.
MINI_ROWS: dict[str, Any] = {
    "selection": "correct-only", "scope": "all", "per_task": 1, "augment": 8, "simplify": True
}  # fmt: skip


MethodName = Literal["sft", "dpo", "grpo", "tokens"]  # of `soar.training.methods`
RewardName = Literal["solved", "examples", "smooth"]  # of `soar.hindsight.groups`
REINFORCED: tuple[MethodName, ...] = ("grpo", "tokens")  # learn from what the policy itself draws
DRAWN: tuple[MethodName, ...] = ("grpo",)  # ... in the search before
TeacherName: TypeAlias = Literal[  # of `soar.curriculum`: all but those of rates
    "uniform", "record", "record-notes", "adarft", "sec", "dump", "vcrl", "filter", "cdas", "knapsack", "alp",
    "alp-gmm", "dsc", "prospects", "ttc",
]  # fmt: skip
SelectionName = Literal["correct-only", "uniform", "greedy", "greedy-diverse"]  # of `soar.hindsight.selection`


def _split(given: object) -> object:
    """Names in a text, parted by commas, or in several."""
    several = [given] if isinstance(given, str) else given
    if not isinstance(several, (list, tuple)):
        return given
    return tuple(part.strip() for one in several for part in (one.split(",") if isinstance(one, str) else [one]))


class LoopError(SoarError):
    """The loop cannot be run, or not go on, with what it was given; the message says why and what to do."""


class HindsightConfig(Options):
    """How attempts become rows; see `soar.hindsight.make_dataset`. Defaults: SOAR's; `LoopConfig.for_model` has mini's.

    Attributes:
        selection: of sampling rows: "correct-only", "uniform", "greedy", "greedy-diverse" (paper), or a
            `HindsightSelection` of your own.
        refinement: of refinement rows: "uniform", "diverse" (paper), "none".
        per_task: most rows of a kind per task and round (paper: 50).
        augment: rows more for each solution, at other inputs; see `make_dataset` (paper: none).
        augment_by: so many for each solution ("even"), or in proportion to how rarely its task is solved
            ("difficulty"); see `make_dataset`.
        move_inputs: show programs that solve nothing at changed inputs; see `make_dataset` (paper: no).
        simplify: take out of programs what changes nothing; see `make_dataset` (paper: no).
        scope: attempts that rows come from: of the "current" round (the authors' code), or of "all" rounds so far
            (the paper's algorithm 3).
        embedder: what measures how alike two programs are: "ngrams" needs no download.
        threshold: cosine above which of two alike solutions the later is dropped; None: the embedder's own.
    """

    selection: Annotated[SelectionName | Custom, *name_or("select", get_args(SelectionName))] = "greedy-diverse"
    refinement: Literal["uniform", "diverse", "none"] = "diverse"
    per_task: int = Field(50, ge=1)
    augment: int = Field(0, ge=0)
    augment_by: Literal["even", "difficulty"] = "even"
    move_inputs: bool = False
    simplify: bool = False
    scope: Literal["current", "all"] = "current"
    embedder: str = "ngrams"
    threshold: float | None = Field(None, ge=-1, le=1)

    def rows(self) -> dict[str, Any]:
        """The options of `soar.hindsight.make_dataset`; `scope` says which rounds it is given."""
        return {name: value for name, value in dict(self).items() if name != "scope"}


class LoopConfig(SearchConfig):
    """Options of `soar.iterate`: those of every search, and these.

    Attributes:
        samples: completions of the sampling phase, per task and round (paper: 3,000).
        refinements: completions of the refinement phase, likewise (paper: 3,000).
        iterations: rounds of search, hindsight and training; a last search follows.
        ttt: test-time rounds on the target tasks.
        held_out_every: search the held-out tasks after every round, not only before the first and after the last.
        method: how a round learns: "sft" from rows, "dpo" from pairs, "grpo" from groups of samples, "tokens" from
            golden solutions; the last two go on from the adapter that searched. Several, as "sft,grpo": one a round,
            the last repeats. Test time learns by sft.
        reward: of grpo: "solved", "examples" (the share solved) or "smooth" (cells), see `soar.make_groups`.
        retain: trainings hold on to what the base model replies to other, generated tasks (see `soar.train`); None:
            those by reinforcement (grpo, tokens) do.
        control: at last, search the training and held-out tasks with the base model, with as many completions as all
            their searches had: what would have come without learning.
        continued: train each adapter from the one before it, not from the base model (paper: from the base model;
            mini: from the one before).
        teacher: divides the completions of each search that is learnt from among its tasks, and draws the rows, see
            docs/curriculum.md; None: every task gets the same, and all rows are taken. Held-out and target tasks, and
            the last search, keep to `budget`.
        hindsight: see `HindsightConfig`.
    """

    samples: int = Field(32, ge=0)
    refinements: int = Field(8, ge=0)
    iterations: int = Field(4, ge=0, json_schema_extra=may("grow"))
    ttt: int = Field(0, ge=0, json_schema_extra=may("grow"))
    held_out_every: bool = False
    control: bool = Field(False, json_schema_extra=may("change"))  # it changes nothing that is there
    continued: bool = False
    method: Annotated[tuple[MethodName, ...], BeforeValidator(_split)] = Field(("sft",), min_length=1)
    reward: RewardName = "solved"
    retain: bool | None = None
    teacher: TeacherName | None = None
    hindsight: HindsightConfig = Field(default_factory=lambda: HindsightConfig.model_validate({}))

    @classmethod
    def for_model(cls, model: str, options: Mapping[str, Any]) -> Self:
        """Return the options for a model: those given, then for `mini` what suits it, then the paper's.

        Raises:
            ConfigError: an option is unknown or out of range.
        """
        given = options.get("hindsight", {})
        if ModelSpec.of(model).kind == "mini" and isinstance(given, Mapping):
            options = {"continued": True, **options, "hindsight": MINI_ROWS | dict(given)}
        config = cls.of(options)
        return config if not config.learns_draws else cls.of({"min_p": 0.0, **options}).checked()

    @property
    def learns_draws(self) -> bool:
        """Whether some round learns from what its own search has drawn, all of it."""
        return any(one in DRAWN for one in self.method)

    def method_of(self, number: int) -> MethodName:
        """The method of a round."""
        return self.method[min(number, len(self.method) - 1)]

    def retains(self, method: MethodName) -> bool:
        """Whether a training by this method holds on to replies to other tasks."""
        return method in REINFORCED if self.retain is None else self.retain

    def checked(self) -> Self:
        """Return the options. Raises LoopError where searches would draw what reinforcement cannot learn from."""
        wrong = {"min_p": self.min_p > 0, "temperature": self.temperature == 0, "few_shot": self.few_shot is not None,
                 "samples": self.samples < 2}  # fmt: skip
        for name in (name for name, one in wrong.items() if one):
            raise LoopError(
                f"{name}={getattr(self, name)!r} does not go with method {', '.join(self.method)}, which learns from "
                "two samples of a task or more, as the model draws them, at a temperature, unfiltered and unaided"
            )
        return self

    def search(self) -> dict[str, Any]:
        """The options of a search."""
        own = {"iterations", "ttt", "held_out_every", "control", "continued", "method", "reward", "retain"}
        own |= {"teacher", "hindsight", "iteration"}
        return {name: value for name, value in dict(self).items() if name not in own}


@dataclass(frozen=True, slots=True)
class Sets:
    """The tasks of a loop; no two sets share an example pair.

    Attributes:
        training: searched in every round and learnt from, test outputs included.
        held_out: searched, never learnt from.
        target: searched and learnt from at test time, without any test output.
        dropped: which tasks were left out because of an overlap, and of which set.
    """

    training: TaskSet
    held_out: TaskSet | None = None
    target: TaskSet | None = None
    dropped: dict[str, list[str]] = field(default_factory=dict)


def separate(training: TaskSource, held_out: TaskSource | None, target: TaskSource | None, drop: bool = False) -> Sets:
    """Return the sets, once it is certain that no two share an example pair.

    Args:
        drop: leave out what overlaps, of the training set first, then of the held-out set.

    Raises:
        LoopError: two sets overlap, with the tasks that do, or nothing is left of one.
    """
    expect(training, object if training is not None else str, "the set to learn from", "one of tasks")
    given = {"training": training, "held-out": held_out, "target": target}
    sets = {name: _task_set(source, name) for name, source in given.items() if source is not None}
    dropped: dict[str, list[str]] = {}
    for name, others in (("training", ("held-out", "target")), ("held-out", ("target",))):
        for other in others:
            if name not in sets or other not in sets:
                continue
            shared = overlap(sets[name], sets[other])
            if shared and not drop:
                raise LoopError(_told(name, other, shared))
            kept = drop_overlap(sets[name], sets[other])
            dropped.setdefault(name, []).extend(id for id in sets[name] if id not in kept)
            sets[name] = kept
    for name, tasks in sets.items():
        if not tasks:
            raise LoopError(f"no {name} tasks" + (" are left without the overlap" if dropped.get(name) else ""))
    gone = {name: ids for name, ids in dropped.items() if ids}
    return Sets(sets["training"], sets.get("held-out"), sets.get("target"), gone)


def refuse_leaks(pool: Iterable[Path], sets: Sets) -> None:
    """Raise LoopError where tasks of other runs, which are to be learnt from, share examples with what is measured."""
    for run in pool:
        tasks = RunFolder(run).tasks()
        if not tasks:
            raise LoopError(f"{run} holds no run whose rows could be pooled")
        for other, measured in (("held-out", sets.held_out), ("target", sets.target)):
            if measured is not None and (shared := overlap(tasks, measured)):
                raise LoopError(f"{run}: {_told('pooled', other, shared)}")


def _told(name: str, other: str, shared: list[Overlap]) -> str:
    pairs = ", ".join(f"{one.id_a} and {one.id_b}" for one in shared[:SHOWN])
    more = f" and {len(shared) - SHOWN} more" if len(shared) > SHOWN else ""
    mend = "" if name == "pooled" else f", or pass drop_overlap=True (--drop-overlap), which takes them from {name}"
    return (
        f"{len(shared)} {name} tasks share examples with {other} tasks: {pairs}{more}. What is learnt must not be what "
        f"is measured: leave them out{mend}"
    )


def _task_set(source: TaskSource, name: str) -> TaskSet:
    if isinstance(source, TaskSet):
        return source
    given = as_tasks(source)
    return TaskSet([given] if isinstance(given, Task) else given, name)


@dataclass(frozen=True, slots=True)
class LoopFolder:
    """Where a loop leaves what it does; see docs/loop.md for all that lies in it."""

    path: Path

    @property
    def held_out(self) -> Path:
        """The run of the held-out tasks: a folder of its own, so that hindsight never meets them."""
        return self.path / "held-out"

    def control(self, set: str) -> Path:
        """The run of a set's tasks, "training" or "held-out", that is searched without learning."""
        return self.path / f"control-{set}"

    @property
    def target(self) -> Path:
        """The run of the target tasks."""
        return self.path / "target"

    @property
    def pooled(self) -> Path:
        """Rows and adapter of all rounds together, from which test time begins."""
        return self.path / "pooled"

    @property
    def retain(self) -> Path:
        """The run of generated tasks whose replies trainings hold on to."""
        return self.path / "retain"

    def round(self, number: int) -> Path:
        """Rows, adapter and figures of a round."""
        return self.path / f"iteration-{number}"

    def claim(self, model: str, config: LoopConfig, sets: Sets, training: Mapping[str, Any], pool: list[str]) -> None:
        """Write down what is asked for, or check that it is what the folder already holds.

        More rounds may be asked for than before, and a set given where there was none.

        Raises:
            LoopError: something differs that would make the result another one; names the field, both values.
        """
        tasks = {name: None if (one := getattr(sets, name)) is None else _fingerprint(one) for name in SETS}
        new = {
            "model": model,
            **config.model_dump(mode="json", exclude={"workers", "concurrency"}),
            **{f"{name} tasks": digest for name, digest in tasks.items()},
            "training": dict(training),
            "pool": pool,
            "dropped": sets.dropped,
        }
        self.path.mkdir(parents=True, exist_ok=True)
        folder = RunFolder(self.path)
        self._check(folder.read("loop.json"), new)
        folder.write("loop.json", new)

    def _check(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        usual = LoopConfig.of({}).model_dump(mode="json") if old else new
        rules: dict[str, May] = {**rules_of(LoopConfig), **dict.fromkeys(SearchConfig.model_fields, "stay"), **RULES}
        pooled = self.pooled.exists() and new["iterations"] > old.get("iterations", 0)
        if old and pooled:
            why = "rows of all rounds were pooled already"
            raise Manifest(self.path, LoopError, rules).changed("iterations", old["iterations"], new["iterations"], why)
        Manifest(self.path, LoopError, rules).check(old, new, usual)


SETS = tuple(one.name for one in fields(Sets) if one.name != "dropped")
RULES: dict[str, May] = {"held_out tasks": "come", "target tasks": "come", "dropped": "change", "simplify": "change"}


def loop_rows(runs: Sequence[Path]) -> dict[str, Any]:
    """Return the options, and the seed, with which the loop in the first folder makes rows; none without a loop."""
    held = RunFolder(Path(runs[0])).read("loop.json") if runs else {}
    if not held:
        return {}
    return HindsightConfig.of(held["hindsight"]).rows() | {"seed": held["seed"]}


def _fingerprint(tasks: TaskSet) -> str:
    """A hash of the tasks, ids and test outputs included: hindsight reads these."""
    text = canonical_json([[id, task.to_json()] for id, task in tasks.items()])
    return f"{len(tasks)} tasks, {hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"
