"""Groups of replies to one prompt, each with a reward: what a policy gradient learns from. No test output is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from soar.core.seeding import keyed_rng
from soar.evolution.plan import sampling
from soar.hindsight.dataset import DatasetError, Run, fields_of, open_sources, prompt_type, tasks_of, written
from soar.hindsight.pairs import samples_of
from soar.hindsight.relabel import Renderers, prompt_columns
from soar.hindsight.scan import Source
from soar.models.base import LanguageModel
from soar.programs.program import Attempt
from soar.tasks.task import Task
from soar.tasks.values import pixel_accuracy

if TYPE_CHECKING:
    from datasets import Dataset

Reward: TypeAlias = Literal["solved", "examples", "smooth"]
OwnReward: TypeAlias = Callable[[Task, Attempt], float]
REWARDS: tuple[Reward, ...] = get_args(Reward)


def make_groups(
    runs: Run | Sequence[Run],
    *,
    reward: Reward | OwnReward = "solved",
    per_task: int = 32,
    iteration: int | Literal["all"] | None = None,
    seed: int = 0,
    model: str | LanguageModel | None = None,
) -> Dataset:
    """Return a group for each task, to train on with `TrainingConfig(method="grpo")`.

    Columns: task_id, task_hash, prompt (messages), prefill, replies (ids of their tokens, as they were drawn), rewards,
    temperature, model, adapter, iteration, prompt_set.

    Args:
        runs: searched with `keep_tokens` and `min_p=0`: what a filter leaves out would be learnt from wrongly.
        reward: of a reply, from what its program did on the examples: "solved" (1 where all are right), "examples"
            (the share that is), "smooth" (0.1 for a program, 0.1 for right shapes, and the mean share of right cells to
            the power of 10), or a function of the task, without test outputs, and the attempt.
        per_task: most replies of a group.
        iteration, seed, model: as `soar.make_pairs` has them.

    Raises:
        DatasetError: a search filtered tokens or did not keep them, or a reward is no number.
    """
    if not callable(reward) and reward not in REWARDS:
        raise DatasetError(f"reward is one of {', '.join(REWARDS)}, or a function, not {reward!r}")
    scored: OwnReward = reward if callable(reward) else SCORES[reward]
    with ExitStack() as stack:
        sources = open_sources(runs, iteration, stack)
        for source in sources:
            _check(source)
        renderers = Renderers(sources, model, stack, [])
        tasks = [one.without_test_outputs() for one in tasks_of(sources)]
        groups = (_group(task, renderers, scored, per_task, seed) for task in tasks)
        return written((one for one in groups if one is not None), _schema())


def solved(task: Task, attempt: Attempt) -> float:
    """1 where every example is right."""
    return float(attempt.program is not None and attempt.solves_examples)


def share(task: Task, attempt: Attempt) -> float:
    """The share of the examples that is right."""
    return attempt.train_accuracy


def smooth(task: Task, attempt: Attempt) -> float:
    """Steep in the last cells: 0.1 · [a program] + 0.1 · mean(shape right) + mean(share of right cells ^ 10)."""
    if attempt.program is None:
        return 0.0
    pairs = list(zip(attempt.train, task.train, strict=True))
    given = [(one.value, example.output) for one, example in pairs if one.status == "ok"]
    shapes = sum(_shape(value) == _shape(output) for value, output in given)
    cells = sum(pixel_accuracy(value, output) ** 10 for value, output in given)
    return 0.1 + (0.1 * shapes + cells) / max(len(pairs), 1)


SCORES: dict[str, OwnReward] = {"solved": solved, "examples": share, "smooth": smooth}


def _shape(value: Any) -> list[int] | None:
    """Lengths of the rows; None of what has none."""
    rows = value if isinstance(value, list) else []
    return [len(row) for row in rows] if rows and all(isinstance(row, list) for row in rows) else None


def _check(source: Source) -> None:
    for config in source.configs.values():
        if config.min_p:
            raise DatasetError(
                f"the search in {source.folder.path} left unlikely tokens out (min_p={config.min_p:g}), which a policy "
                "gradient would take for what the model does: search with min_p=0"
            )
        if config.temperature == 0:
            raise DatasetError(
                f"the search in {source.folder.path} always took the likeliest token: give a temperature"
            )
        if not config.keep_tokens:
            raise DatasetError(f"the search in {source.folder.path} kept no token ids: search with keep_tokens=True")


def _group(task: Task, renderers: Renderers, reward: OwnReward, per_task: int, seed: int) -> dict[str, Any] | None:
    every = [one for one in samples_of(task, renderers.sources) if one[1].token_ids]
    if not every:
        return None
    index, last = every[-1]  # of several rounds the latest: one policy drew a group
    found = [one for i, one in every if (i, one.iteration, one.adapter) == (index, last.iteration, last.adapter)]
    order = keyed_rng(seed, task.content_hash, "groups").permutation(len(found))[:per_task]
    renderer = renderers.of(index, last)
    rendered = renderer.render(task)
    if rendered is None:
        return None
    some = [found[i] for i in sorted(order)]
    config = renderers.sources[index].configs[last.iteration]
    return {
        "task_id": task.id, "task_hash": task.content_hash,
        **prompt_columns(rendered[0]),
        "replies": [list(one.token_ids or ()) for one in some],
        "rewards": [_number(reward(task, one), reward, task) for one in some],
        "temperature": sampling(config, renderer.prompt_set).temperature, "model": last.model, "adapter": last.adapter,
        "iteration": last.iteration, "prompt_set": renderer.prompt_set.label,
    }  # fmt: skip


def _number(given: object, reward: object, task: Task) -> float:
    if isinstance(given, bool) or not isinstance(given, Real) or not math.isfinite(given):
        name = getattr(reward, "__name__", type(reward).__name__)
        raise DatasetError(f"the reward {name} gave {given!r} for an attempt at task {task.id}: a number is needed")
    return float(given)


def _schema() -> Any:
    import pyarrow as pa

    return pa.schema(
        [*fields_of("task_id", "task_hash"), ("prompt", prompt_type()), *fields_of("prefill"),
         ("replies", pa.list_(pa.list_(pa.int64()))), ("rewards", pa.list_(pa.float64())),
         ("temperature", pa.float64()), *fields_of("model", "adapter"), ("iteration", pa.int64()),
         *fields_of("prompt_set")]
    )  # fmt: skip
