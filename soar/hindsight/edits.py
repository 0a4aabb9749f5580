"""Edit traces: a program, and a better one that it was, or could be, changed into. No test output is read.

Kept by rejection: what is not better than its parent goes; of each parent's children those that gain the most stay.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from soar.core.seeding import keyed_rng
from soar.hindsight.dataset import DatasetError, Run, fields_of, open_sources, prompt_type, tasks_of, written
from soar.hindsight.groups import smooth
from soar.hindsight.relabel import Renderers, prompt_columns
from soar.models.base import LanguageModel
from soar.tasks.task import Task

if TYPE_CHECKING:
    from datasets import Dataset

EditSource = Literal["refinements", "samples"]
SOURCES: tuple[EditSource, ...] = get_args(EditSource)
BEST = 3  # children of a parent, at most
TIE = 0.01  # difference of gains below which two children gain alike
PARENTS = 64  # of a task, at most, where any two of its samples may make a trace


@dataclass(frozen=True, slots=True)
class Version:
    """A program at a task.

    Attributes:
        place: of its first attempt: index of the run, number in its archive.
        key: of that attempt.
        reward: 0.1 for a program, 0.1 for right shapes, the mean share of right cells to the power of 10, less what its
            tokens cost.
        solved: numbers of the examples that it solves.
    """

    place: tuple[int, int]
    key: str
    source: str
    reward: float
    solved: frozenset[int]


@dataclass(frozen=True, slots=True)
class Edit:
    """A step from one program to a better one."""

    parent: Version
    child: Version

    @property
    def gain(self) -> float:
        """Reward of the child less the parent's."""
        return self.child.reward - self.parent.reward


def make_edits(
    runs: Run | Sequence[Run],
    *,
    source: EditSource = "refinements",
    per_task: int = 10,
    token_cost: float = 1e-4,
    iteration: int | Literal["all"] | None = None,
    seed: int = 0,
    model: str | LanguageModel | None = None,
) -> Dataset:
    """Return rows that show a program and teach a better one, to train on with `TrainingConfig(method="sft")`.

    Columns: kind ("edit"), task_id, task_hash, prompt (messages), prefill, completion, program, parents (sources),
    parent_reward, reward, gain, model, adapter, iteration, prompt_set. Rewards are of examples alone, see `Version`.

    Args:
        runs: folders of runs or results of searches.
        source: "refinements" of one parent as they were made, or any two "samples" of a task, the worse one first.
        per_task: most rows of a task; parents take turns.
        token_cost: λ, what each token of a reply takes off its reward.
        iteration, seed, model: as `soar.make_pairs` has them.

    Raises:
        DatasetError: an option is unknown or out of range.
    """
    if source not in SOURCES:
        raise DatasetError(f"source is one of {', '.join(SOURCES)}, not {source!r}")
    if per_task < 1 or token_cost < 0:
        raise DatasetError(f"per_task is at least 1 and token_cost at least 0, not {per_task} and {token_cost}")
    with ExitStack() as stack:
        sources = open_sources(runs, iteration, stack)
        renderers = Renderers(sources, model, stack, [])
        tasks = [one.without_test_outputs() for one in tasks_of(sources)]
        rows = (
            row
            for task in tasks
            for edit in _chosen(_edits(task, renderers, source, token_cost, seed), per_task)
            if (row := _row(task, renderers, edit)) is not None
        )
        return written(rows, _schema())


def best_children(edits: Iterable[Edit], most: int = BEST) -> list[Edit]:
    """Return the edits of one parent that gain the most; of those that gain alike first what covers new examples."""
    left = sorted((one for one in edits if one.gain > 0), key=lambda one: (-one.gain, one.child.place))
    chosen: list[Edit] = []
    covered: frozenset[int] = frozenset()
    while left and len(chosen) < most:
        alike = [one for one in left if left[0].gain - one.gain <= TIE]
        found = max(alike, key=lambda one: len(one.child.solved - covered))  # of equals the first
        covered |= found.child.solved
        chosen.append(found)
        left.remove(found)
    return chosen


def _chosen(by_parent: Sequence[Sequence[Edit]], per_task: int) -> list[Edit]:
    """The best of each parent, then the second best, until there are enough."""
    turns = [some[turn] for turn in range(BEST) for some in by_parent if turn < len(some)]
    return turns[:per_task]


def _edits(task: Task, renderers: Renderers, source: EditSource, cost: float, seed: int) -> list[list[Edit]]:
    """The edits worth keeping of each parent, parents in a drawn order."""
    versions, steps = _versions(task, renderers, cost)
    order = keyed_rng(seed, task.content_hash, "edits")
    if source == "samples":
        sampled = [one for one in versions.values() if "/sample/" in one.key]
        drawn = [sampled[i] for i in order.permutation(len(sampled))[:PARENTS]]
        groups = [[Edit(parent, child) for child in sampled] for parent in drawn]
    else:
        by_parent: dict[str, dict[str, Edit]] = defaultdict(dict)
        for parent, child in steps:
            by_parent[parent].setdefault(child, Edit(versions[parent], versions[child]))
        names = sorted(by_parent)
        groups = [list(by_parent[names[i]].values()) for i in order.permutation(len(names))]
    return [kept for some in groups if (kept := best_children(some))]


def _versions(task: Task, renderers: Renderers, cost: float) -> tuple[dict[str, Version], list[tuple[str, str]]]:
    """The distinct eligible programs by hash, and the refinements of one parent, as pairs of hashes."""
    versions: dict[str, Version] = {}
    steps: list[tuple[str, str]] = []
    for index, source in enumerate(renderers.sources):
        named: dict[str, str] = {}  # hash of an attempt's program, by the attempt's key
        for config in source.configs.values():
            for number, one in source.archive.numbered_attempts(config.evaluator(task), config.iteration):
                if one.program is None or not one.eligible:
                    continue
                name = named[one.key] = one.program.hash
                solved = frozenset(place for place, right in enumerate(one.solved) if right)
                reward = smooth(task, one) - cost * one.tokens
                versions.setdefault(name, Version((index, number), one.key, one.program.source, reward, solved))
                if len(one.parents) == 1 and one.parents[0] in named and named[one.parents[0]] != name:
                    steps.append((named[one.parents[0]], name))
    return versions, steps


def _row(task: Task, renderers: Renderers, edit: Edit) -> dict[str, Any] | None:
    parent, child = (renderers.sources[one.place[0]].attempt(task, one.place[1]) for one in (edit.parent, edit.child))
    renderer = renderers.of(edit.child.place[0], child)
    rendered = renderer.render(task, (parent,))
    if rendered is None:
        return None
    prompt = rendered[0]
    return {
        "kind": "edit", "task_id": task.id, "task_hash": task.content_hash,
        **prompt_columns(prompt),
        "completion": renderer.prompt_set.reply(edit.child.source, prompt.prefill), "program": edit.child.source,
        "parents": [edit.parent.source], "parent_reward": edit.parent.reward, "reward": edit.child.reward,
        "gain": edit.gain, "model": child.model, "adapter": child.adapter, "iteration": child.iteration,
        "prompt_set": renderer.prompt_set.label,
    }  # fmt: skip


def _schema() -> Any:
    import pyarrow as pa

    return pa.schema(
        [*fields_of("kind", "task_id", "task_hash"), ("prompt", prompt_type()),
         *fields_of("prefill", "completion", "program"), ("parents", pa.list_(pa.string())),
         *((name, pa.float64()) for name in ("parent_reward", "reward", "gain")), *fields_of("model", "adapter"),
         ("iteration", pa.int64()), *fields_of("prompt_set")]
    )  # fmt: skip
