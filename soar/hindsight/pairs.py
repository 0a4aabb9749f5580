"""Pairs of replies to one prompt, the first right, the second wrong: what preference training learns from.

From attempts: a right program of the archive against a wrong attempt at the same prompt, by the same model or a weaker
one that was asked in the same way. From hindsight: at the task that a program's own outputs make, it is right, and any
program with other outputs is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from soar.core.seeding import keyed_rng
from soar.hindsight.dataset import DatasetError, Run, fields_of, open_sources, prompt_type, tasks_of, written
from soar.hindsight.relabel import Renderers, order_of, prompt_columns, relabel, reorder
from soar.hindsight.report import HindsightReport
from soar.hindsight.scan import Candidate, Scan, Source
from soar.hindsight.selection import uniform
from soar.models.base import LanguageModel, Prompt
from soar.programs.program import Attempt, Program
from soar.prompts.prompt_set import PromptSet
from soar.tasks.task import Task

if TYPE_CHECKING:
    from datasets import Dataset

PairSource = Literal["attempts", "hindsight"]
SOURCES: tuple[PairSource, ...] = get_args(PairSource)
Row = dict[str, Any]


def make_pairs(
    runs: Run | Sequence[Run],
    *,
    source: PairSource = "attempts",
    rejected_by: Run | Sequence[Run] | None = None,
    iteration: int | Literal["all"] | None = None,
    per_task: int = 4,
    test_time: bool = False,
    seed: int = 0,
    model: str | LanguageModel | None = None,
) -> Dataset:
    """Return pairs to train on with `TrainingConfig(method="dpo")`.

    Columns: kind ("attempts" or "hindsight"), task_id, task_hash, prompt (messages), prefill, chosen, rejected,
    chosen_hash and rejected_hash (of the programs; the latter null where the reply holds none), failure (why the
    rejected reply is wrong), solve_rate (share of the samples at the task that are right), model, adapter, iteration,
    prompt_set, rejected_model. Programs are written as the prompt set writes replies, on both sides; a reply without a
    program stands as the model wrote it, and one that was cut is left out. The same arguments give the same pairs.

    Args:
        runs: folders of runs or results of searches; several are pooled, task by task.
        source: see above.
        rejected_by: runs of a weaker model on the same tasks: its wrong attempts are the rejected ones.
        iteration: round of the loop that counts; None: the last of each run; "all".
        per_task: most pairs of a task.
        test_time: read no test output: what solves the examples is right.
        seed: decides every draw.
        model: whose window the prompts must fit, as `soar.hindsight.make_dataset` has it.

    Raises:
        DatasetError: an option is unknown, or two do not go together.
        ConfigError: a folder holds no run, or no such round.
    """
    if source not in SOURCES:
        raise DatasetError(f"source is one of {', '.join(SOURCES)}, not {source!r}")
    if source == "hindsight" and rejected_by is not None:
        raise DatasetError("hindsight pairs reject programs of the same run: leave rejected_by out, or source")
    if per_task < 1:
        raise DatasetError(f"per_task is at least 1, not {per_task}")
    with ExitStack() as stack:
        sources = open_sources(runs, iteration, stack)
        weaker = None if rejected_by is None else open_sources(rejected_by, None, stack)
        builder = PairBuilder(sources, weaker, Renderers(sources, model, stack, []), source, per_task, seed)
        tasks = [one.without_test_outputs() if test_time else one for one in tasks_of(sources)]
        return written((pair for task in tasks for pair in builder.pairs(task)), _schema())


@dataclass(slots=True)
class PairBuilder:
    """Makes the pairs of one task after another; see `make_pairs` for what the attributes decide."""

    sources: Sequence[Source]
    weaker: Sequence[Source] | None
    renderers: Renderers
    source: PairSource
    per_task: int
    seed: int
    report: HindsightReport = field(default_factory=lambda: HindsightReport({}))

    def pairs(self, task: Task) -> Iterator[Row]:
        """Yield the task's pairs."""
        candidates = Scan(task, self.report).run(self.sources, 0).candidates
        samples = list(samples_of(task, self.sources))
        right = sum(attempt.eligible and gives_all(task, attempt) for _, attempt in samples)
        rng = keyed_rng(self.seed, task.content_hash, "pairs", self.source)
        if self.source == "hindsight":
            made = self._of_hindsight(task, candidates, rng)
        else:
            drawn = samples if self.weaker is None else samples_of(task, self.weaker)
            made = self._of_attempts(task, candidates, drawn, rng)
        common = {"kind": self.source, "task_id": task.id, "task_hash": task.content_hash}
        for pair in made:
            yield common | {"solve_rate": right / max(len(samples), 1)} | pair

    def _of_attempts(
        self,
        task: Task,
        candidates: Sequence[Candidate],
        drawn: Iterable[tuple[int, Attempt]],
        rng: np.random.Generator,
    ) -> Iterator[Row]:
        right = [one for one in candidates if one.solves]
        wrong = [one for _, one in drawn if _rejectable(task, one)]
        order = [right[i] for i in rng.permutation(len(right))]
        seen: set[str] = set()
        for attempt in (wrong[i] for i in rng.permutation(len(wrong))):
            if not order or len(seen) == self.per_task:
                return
            chosen = order[len(seen) % len(order)]
            row = None if attempt.reply in seen else self._pair(task, chosen, attempt)
            if row is not None:
                seen.add(attempt.reply)
                yield row

    def _of_hindsight(self, task: Task, candidates: Sequence[Candidate], rng: np.random.Generator) -> Iterator[Row]:
        for chosen in uniform(candidates, self.per_task, rng):
            others = [one for one in candidates if one.outputs != chosen.outputs]
            if others:
                other = others[int(rng.integers(len(others)))]
                rejected = self.sources[other.place[0]].attempt(task, other.place[1])
                row = self._pair(task, chosen, rejected, relabelled=True)
                yield from [] if row is None else [row]

    def _pair(self, task: Task, chosen: Candidate, rejected: Attempt, relabelled: bool = False) -> Row | None:
        """A pair at the prompt that the search sent, or at the one that the chosen program's outputs make; None where
        that prompt does not fit the window, or both replies are the same."""
        index, number = chosen.place
        attempt = self.sources[index].attempt(task, number)
        renderer, shown = self.renderers.of(index, attempt), task
        if relabelled:
            order = order_of(self.seed, task.content_hash, Program(chosen.source), (), len(task.train))
            shown, _ = reorder(relabel(task, attempt), (), order)
        rendered = renderer.render(shown)
        if rendered is None:
            return None
        prompt, prompts = rendered[0], renderer.prompt_set
        better, worse = prompts.reply(chosen.source, prompt.prefill), _written(prompts, prompt, rejected)
        if better == worse:
            return None
        return {
            **prompt_columns(prompt), "chosen": better,
            "rejected": worse, "chosen_hash": chosen.program_hash,
            "rejected_hash": rejected.program and rejected.program.hash,
            "failure": "other outputs" if relabelled else rejected.failure or "wrong outputs", "model": attempt.model,
            "adapter": attempt.adapter, "iteration": attempt.iteration, "prompt_set": prompts.label,
            "rejected_model": rejected.model,
        }  # fmt: skip


def stages(pairs: Dataset, easy: int = 400, hard: int = 600) -> tuple[Dataset, Dataset]:
    """Return pairs of the easier tasks and of the harder ones: no task in both.

    Tasks are sorted by the share of the base model's samples that is right. Of the easier ones, in number as `easy` is
    to `easy + hard`, each gives its first pair; of the others each gives its first, then its second, and so on.

    Raises:
        DatasetError: there are fewer than two tasks.
    """
    places: dict[str, list[int]] = {}
    for place, name in enumerate(pairs["task_hash"]):
        places.setdefault(name, []).append(place)
    rates = dict(zip(pairs["task_hash"], pairs["solve_rate"], strict=True))
    ranked = sorted(places, key=lambda name: (-rates[name], name))
    if len(ranked) < 2:
        raise DatasetError(f"two stages need pairs of two tasks, here are {len(ranked)}: search more tasks, or longer")
    cut = min(max(round(len(ranked) * easy / (easy + hard)), 1), len(ranked) - 1, easy)
    first = [places[name][0] for name in ranked[:cut]]
    rest = [places[name] for name in ranked[cut:]]
    turns = [some[turn] for turn in range(max(map(len, rest))) for some in rest if turn < len(some)]
    return pairs.select(first), pairs.select(turns[:hard])


def make_replies(
    runs: Run | Sequence[Run],
    *,
    iteration: int | Literal["all"] | None = None,
    per_task: int = 4,
    seed: int = 0,
    model: str | LanguageModel | None = None,
) -> Dataset:
    """Return rows of the base model's own replies as it wrote them, right or wrong: what `retain=` holds on to.

    Up to `per_task` samples of each task, drawn evenly; none by an adapter, none that was cut. Other arguments and
    errors: see `make_pairs`.
    """
    with ExitStack() as stack:
        sources = open_sources(runs, iteration, stack)
        renderers = Renderers(sources, model, stack, [])
        return written(
            (row for task in tasks_of(sources) for row in _replies(task, renderers, per_task, seed)), _plain()
        )


def gives_all(task: Task, attempt: Attempt) -> bool:
    """Tell whether an attempt's program gives an output everywhere, and the right one wherever that is known."""
    known = [
        (one, example) for one, example in zip(attempt.test, task.test, strict=False) if example.output is not None
    ]
    ended = all(one.status == "ok" for one in (*attempt.train, *attempt.test))
    right = attempt.solves_examples and all(task.right(one.value, example.output) for one, example in known)
    return attempt.program is not None and ended and right


def samples_of(task: Task, sources: Sequence[Source]) -> Iterator[tuple[int, Attempt]]:
    """Yield index of the run and attempt of each sample at the task, in the order of their keys."""
    for index, source in enumerate(sources):
        for config in source.configs.values():
            if task.content_hash in source.tasks:
                for _, attempt in source.archive.numbered_attempts(config.evaluator(task), config.iteration):
                    if attempt.phase == "sample":
                        yield index, attempt


def _rejectable(task: Task, attempt: Attempt) -> bool:
    """Whether a reply is wrong, and whole; a right program that breaks a rule is neither chosen nor rejected."""
    return attempt.finish_reason == "stop" and not gives_all(task, attempt)


def _replies(task: Task, renderers: Renderers, per_task: int, seed: int) -> Iterator[Row]:
    found = [one for one in samples_of(task, renderers.sources) if one[1].adapter is None]
    whole = [one for one in found if one[1].finish_reason == "stop"]
    for i in keyed_rng(seed, task.content_hash, "replies").permutation(len(whole))[:per_task]:
        index, attempt = whole[i]
        renderer = renderers.of(index, attempt)
        rendered = renderer.render(task)
        if rendered is not None:
            yield {
                "task_id": task.id, "task_hash": task.content_hash,
                **prompt_columns(rendered[0]),
                "completion": attempt.reply, "model": attempt.model, "iteration": attempt.iteration,
                "prompt_set": renderer.prompt_set.label,
            }  # fmt: skip


def _written(prompts: PromptSet, prompt: Prompt, attempt: Attempt) -> str:
    return attempt.reply if attempt.program is None else prompts.reply(attempt.program.source, prompt.prefill)


def _plain() -> Any:
    import pyarrow as pa

    return pa.schema(
        [*fields_of("task_id", "task_hash"), ("prompt", prompt_type()), *fields_of("prefill", "completion", "model"),
         ("iteration", pa.int64()), *fields_of("prompt_set")]
    )  # fmt: skip


def _schema() -> Any:
    import pyarrow as pa

    return pa.schema(
        [*fields_of("kind", "task_id", "task_hash"), ("prompt", prompt_type()),
         *fields_of("prefill", "chosen", "rejected"),
         *fields_of("chosen_hash", "rejected_hash", "failure"), ("solve_rate", pa.float64()),
         *fields_of("model", "adapter"), ("iteration", pa.int64()), *fields_of("prompt_set", "rejected_model")]
    )  # fmt: skip
