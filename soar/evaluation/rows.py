"""What one task contributes to an evaluation, found in one pass over its attempts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from soar.evolution.result import ANSWERS, SearchResult
from soar.evolution.scan import Scan
from soar.programs.program import Attempt
from soar.programs.voting import Ballot, Prediction, Tally, Vote, Weighting
from soar.sandbox.outcome import Outcome
from soar.tasks.task import Task
from soar.tasks.values import pixel_accuracy

Embed: TypeAlias = Callable[[Sequence[str]], NDArray[np.floating]]
EMBED_AT_ONCE = 512  # sources whose embeddings are in memory together
_NOTHING = Outcome("skipped")  # what a reply without a program does


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One task's counts, from which every figure is made. Plain data: `asdict` and back.

    Attributes:
        skipped: why it was not searched; None where it was.
        test_correct: for each test input whether a prediction has it right; `oracle_correct`: whether any attempt has.
            Both are None where a test output is unknown, as are the other fields that need them.
        pixel_accuracy: of the better prediction, mean over the test inputs.
        completions: replies; `samples`: of them from the sampling phase.
        correct: completions with every test output right; `correct_samples`: of them from the sampling phase.
        parse_failures: completions without a program; `programs`: distinct programs.
        failures: attempts that failed to run, by the status of their first failure.
        eligible: attempts that may vote; `solving_examples`: of them with all examples right.
        unique_outputs: different answers to the test inputs.
        tokens: written by the model; `prompt_tokens`: read, once per request.
        cost: in US dollars; None where unknown.
        distance: mean cosine distance between the embeddings of two completions' programs; None without an embedder,
            or with fewer than two programs.
        curve: (completions, share of test inputs hit by the vote, share reached) at growing budgets, the last being
            all completions; None where several runs were joined.
        twin: another row before has the same content: they share one search, whose cost is counted there.
        set_aside: rules that the attempts behind the predictions break; empty but where no eligible one gave an answer.
    """

    task_id: str
    task_hash: str
    skipped: str | None
    test_correct: tuple[bool, ...] | None
    oracle_correct: tuple[bool, ...] | None
    pixel_accuracy: float | None
    completions: int
    samples: int
    correct: int | None
    correct_samples: int | None
    parse_failures: int
    failures: dict[str, int]
    programs: int
    eligible: int
    solving_examples: int
    unique_outputs: int
    tokens: int
    prompt_tokens: int
    cost: float | None
    distance: float | None
    curve: tuple[tuple[int, float, float], ...] | None
    twin: bool = False
    set_aside: tuple[str, ...] = ()

    @property
    def solved(self) -> bool | None:
        """Whether every test input is hit; None where that is unknown."""
        return None if self.test_correct is None else all(self.test_correct)


@dataclass(frozen=True, slots=True)
class _Mark:
    """What is kept of an attempt until the task is done."""

    place: tuple[bool, int, int, int]  # refined, step, island, position: sampling first, then islands side by side
    ballot: Ballot | None  # what it votes for
    test_correct: tuple[bool, ...]  # for each test input


@dataclass(slots=True)
class _Pass:
    """One pass over the attempts of one or several runs at a task."""

    task: Task
    scan: Scan = field(default_factory=Scan)
    marks: list[_Mark] = field(default_factory=list)
    sources: Counter[str] = field(default_factory=Counter)
    known_hits: dict[str, tuple[bool, ...]] = field(default_factory=dict)

    def run(self, attempts: Iterator[tuple[int, Attempt]]) -> None:
        tally = Tally.of(self.task)
        for attempt in self.scan.watch(attempts, self.task):
            step, position = map(int, attempt.key.split("/")[-2:])
            place = (attempt.phase == "refine", step, attempt.island or 0, position)
            self.marks.append(_Mark(place, tally.ballot(attempt), self._hits(attempt)))
            if attempt.program is not None:
                self.sources[attempt.program.source] += 1

    def _hits(self, attempt: Attempt) -> tuple[bool, ...]:
        """For each test input whether the attempt has it right; found once per program."""
        source = attempt.program.source if attempt.program else ""
        if source not in self.known_hits:
            outcomes = attempt.test or (_NOTHING,) * len(self.task.test)
            pairs = zip(outcomes, self.task.test, strict=True)
            self.known_hits[source] = tuple(o.status == "ok" and self.task.right(o.value, e.output) for o, e in pairs)
        return self.known_hits[source]


def by_task(searches: Sequence[Sequence[TaskRow]]) -> list[dict[tuple[str, str], TaskRow]]:
    """Return the rows of each search by task: by content, and by id as well where one has the content under several."""
    twins = {row.task_hash for rows in searches for row in rows if row.twin}
    return [{(row.task_hash, row.task_id if row.task_hash in twins else ""): row for row in rows} for rows in searches]


def measure(
    results: Sequence[SearchResult],
    c: float,
    weight: Weighting | Vote,
    embed: Embed | None = None,
    task: Task | None = None,
    twin: bool = False,
) -> tuple[TaskRow, list[Prediction]]:
    """Return what one task contributes, and the predictions of the vote over all attempts of one or several runs.

    Args:
        results: of the same task (by content), one per run.
        c, weight: of the vote, see `soar.programs.voting.vote`.
        embed: sources -> embeddings, shape (sources, dimensions); None: distances are not measured.
        task: whose test outputs count; None: of the results' own the one that is best known.
        twin: see `TaskRow`.
    """
    task = task or best_known(results)
    seen = _Pass(task)
    seen.run(chain.from_iterable(result.walk() for result in results))
    marks, known = seen.marks, all(example.output is not None for example in task.test) and bool(task.test)
    if len(results) == 1:
        marks.sort(key=lambda mark: mark.place)
    points, predictions = _replay(task, marks, c, weight, budgets(len(marks)) if known else [])
    counts = [result.counts() for result in results]
    costs = [result.cost() for result in results]
    reasons = [result.skipped for result in results]
    row = TaskRow(
        task_id=task.id,
        task_hash=task.content_hash,
        skipped=None if None in reasons else reasons[0],
        test_correct=_hits(task, predictions) if known else None,
        oracle_correct=tuple(seen.scan.oracle_correct) if known else None,
        pixel_accuracy=_pixels(task, predictions) if known else None,
        completions=len(marks),
        samples=sum(not mark.place[0] for mark in marks),
        correct=sum(all(mark.test_correct) for mark in marks) if known else None,
        correct_samples=sum(all(mark.test_correct) for mark in marks if not mark.place[0]) if known else None,
        parse_failures=len(marks) - seen.sources.total(),
        failures={status: n for status, n in sorted(seen.scan.failures.items()) if status != "none"},
        programs=len(seen.sources),
        eligible=seen.scan.eligible,
        solving_examples=seen.scan.solving,
        unique_outputs=len(seen.scan.outputs),
        tokens=sum(count["tokens"] for count in counts),
        prompt_tokens=sum(count["prompt_tokens"] for count in counts),
        cost=None if None in costs else math.fsum(cost for cost in costs if cost is not None),
        distance=None if embed is None else mean_distance(seen.sources, embed),
        curve=tuple(points) if known and len(results) == 1 else None,
        twin=twin,
        set_aside=tuple(sorted({rule for one in predictions for rule in one.rules})),
    )
    return row, predictions


def budgets(most: int) -> list[int]:
    """Return about two budgets per doubling, 1, 2, 3, 4, 6, 8, 12, 16, ..., the last being `most`."""
    found = {step for power in range(most.bit_length()) for step in (1 << power, 3 << power >> 1)}
    return sorted({step for step in found if step < most} | {most}) if most else []


def mean_distance(sources: Counter[str], embed: Embed) -> float | None:
    """Return the mean cosine distance of two completions' programs; equal programs are at distance 0.

    With unit vectors u, the sum over all ordered pairs of u·v is |sum of u|², so no pair is looked at: memory and time
    grow with the number of programs, not with its square.
    """
    total, own, count = np.zeros(1), 0.0, sources.total()
    if count < 2:
        return None
    texts = sorted(sources)
    for start in range(0, len(texts), EMBED_AT_ONCE):
        block = texts[start : start + EMBED_AT_ONCE]
        vectors = np.asarray(embed(block), dtype=np.float64)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        weights = np.array([sources[text] for text in block], dtype=np.float64)
        total = total + weights @ vectors
        own += float(weights @ (vectors**2).sum(axis=1))  # 1 each, but for programs in which nothing is embedded
    return max(0.0, float(1 - (total @ total - own) / (count * (count - 1))))


def _replay(
    task: Task, marks: Sequence[_Mark], c: float, weight: Weighting | Vote, wanted: Sequence[int]
) -> tuple[list[tuple[int, float, float]], list[Prediction]]:
    """The curve at the budgets wanted, and the predictions at the end."""
    tally, points = Tally.of(task), []
    reached = np.zeros(len(task.test), dtype=bool)
    for count, mark in enumerate(marks, 1):
        tally.add(mark.ballot)
        reached |= np.array(mark.test_correct)
        if count in wanted:
            share = float(np.mean(_hits(task, tally.best(ANSWERS, c, weight))))
            points.append((count, share, float(reached.mean())))
    return points, tally.best(ANSWERS, c, weight)


def best_known(results: Sequence[SearchResult]) -> Task:
    """Return the task as it is best known, whatever the order of the runs."""
    return min(
        (result.task for result in results),
        key=lambda task: (sum(example.output is None for example in task.test), task.id),
    )


def _hits(task: Task, predictions: Sequence[Prediction]) -> tuple[bool, ...]:
    return tuple(
        any(task.right(one.outputs[i], example.output) for one in predictions) for i, example in enumerate(task.test)
    )


def _pixels(task: Task, predictions: Sequence[Prediction]) -> float:
    best = [
        max((pixel_accuracy(one.outputs[i], example.output) for one in predictions), default=0.0)
        for i, example in enumerate(task.test)
    ]
    return sum(best) / len(best)
