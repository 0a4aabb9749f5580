"""How reliably attempts come to something: programs that run, outputs that count; two runs attempt by attempt.

The statistics of "RPS vs EPS" (ARC Prize 2025), which show what a training did to a model long before tasks are solved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from soar.evaluation.evaluation import as_results
from soar.evaluation.figures import EvaluationError
from soar.evaluation.statistics import Estimate, bootstrap, bootstrap_difference
from soar.programs.program import Attempt
from soar.tasks.task import Task

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType

    from soar.evolution.results import SearchResults

Part: TypeAlias = tuple[float, float]  # a task's share of numerator and denominator


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt.

    Attributes:
        valid: test inputs with an output; `outputs`: test inputs.
        exact: test inputs whose output is right; None where one is unknown.
        ran: whether its program gave an output on every input, examples included.
        cut: whether the reply reached the limit of tokens.
    """

    valid: int
    outputs: int
    exact: int | None
    ran: bool
    cut: bool

    @property
    def scored(self) -> bool:
        """Whether a program that ran gave an output for every test input."""
        return self.valid == self.outputs > 0

    @property
    def right(self) -> bool | None:
        """Whether every test output is right; None where that is unknown."""
        return None if self.exact is None else self.exact == self.outputs > 0


Tries: TypeAlias = Sequence[Try]


def _every(test: Callable[[Try], bool | None]) -> Callable[[Tries], Part]:
    return lambda tries: (all(test(one) for one in tries), 1)


def _some(test: Callable[[Try], bool | None]) -> Callable[[Tries], Part]:
    return lambda tries: (any(test(one) for one in tries), 1)


def _none(test: Callable[[Try], bool | None]) -> Callable[[Tries], Part]:
    return lambda tries: (not any(test(one) for one in tries), 1)


def _count(test: Callable[[Try], bool]) -> Callable[[Tries], Part]:
    return lambda tries: (sum(test(one) for one in tries), len(tries))


# name -> what a task adds, title; those that need test outputs begin with "right" or "exact"
STATISTICS: dict[str, tuple[Callable[[Tries], Part], str]] = {
    "valid_outputs": (
        lambda tries: (sum(one.valid for one in tries), sum(one.outputs for one in tries)),
        "valid output attempts",
    ),
    "scored": (_count(lambda one: one.scored), "attempts scored from executed programs"),
    "ran": (_count(lambda one: one.ran), "programs that ran without error, examples included"),
    "invalid": (_count(lambda one: not one.valid), "attempts without any output"),
    "token_limit": (_count(lambda one: one.cut), "token-limit hits"),
    "scored_all": (_every(lambda one: one.scored), "tasks with all attempts scored"),
    "scored_some": (_some(lambda one: one.scored), "tasks with at least one attempt scored"),
    "scored_none": (_none(lambda one: one.scored), "tasks with no attempt scored"),
    "exact_outputs": (
        lambda tries: (sum(one.exact or 0 for one in tries), sum(one.outputs for one in tries)),
        "exact outputs",
    ),
    "right_all": (_every(lambda one: one.right), "tasks with all attempts right"),
    "right_some": (_some(lambda one: one.right), "tasks with at least one attempt right"),
    "right_none": (_none(lambda one: one.right), "tasks with no attempt right"),
}
PAIRED: dict[str, tuple[Callable[[Try], bool | None], str]] = {
    "scored": (lambda one: one.scored, "scored from an executed program"),
    "right": (lambda one: one.right, "right"),
}


@dataclass(frozen=True)
class Reliability:
    """What became of the samples of a search; prints itself.

    Attributes:
        label: of the run.
        tries: by content hash of the task, in the order in which they were drawn.
    """

    label: str
    tries: dict[str, tuple[Try, ...]]

    @property
    def statistics(self) -> dict[str, tuple[int, int, Estimate]]:
        """Numerator, denominator and share by name, with a 95% interval by a bootstrap over tasks; what is unknown for
        want of test outputs, or of attempts, is left out."""
        found = {}
        for name, (part, _) in STATISTICS.items():
            parts = np.array([part(one) for one in self._known(name)], dtype=np.float64).reshape(-1, 2)
            share = bootstrap(parts[:, 0], parts[:, 1]) if len(parts) else None
            if share is not None:
                found[name] = (int(parts[:, 0].sum()), int(parts[:, 1].sum()), share)
        return found

    def _known(self, name: str) -> list[tuple[Try, ...]]:
        graded = name.startswith(("right", "exact"))
        return [one for one in self.tries.values() if one and not (graded and any(each.exact is None for each in one))]

    def to_json(self) -> dict[str, Any]:
        """All statistics as JSON data."""
        found = {name: {"count": top, "of": bottom, **share.to_json()} for name, (top, bottom, share) in
                 self.statistics.items()}  # fmt: skip
        return {"label": self.label, "tasks": len(self.tries), "statistics": found}

    def rows(self) -> list[tuple[str, str, str]]:
        """A line each: title, counts, share with its interval."""
        return [
            (STATISTICS[name][1], f"{top:,} of {bottom:,}", f"{share.value:.1%} [{share.low:.1%}, {share.high:.1%}]")
            for name, (top, bottom, share) in self.statistics.items()
        ]

    def __str__(self) -> str:
        return "\n".join([self._title(), *(f"{title}: {count}, {share}" for title, count, share in self.rows())])

    def __rich__(self) -> RenderableType:
        from rich.table import Table
        from rich.text import Text

        table = Table("attempts of the sampling phase", "count", "share, 95% interval", title=Text(self._title()))
        for row in self.rows():
            table.add_row(*row)
        return table

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td>{'<td>'.join(map(escape, row))}</tr>" for row in self.rows())
        return f"<p>{escape(self._title())}</p><table>{rows}</table>"

    def _title(self) -> str:
        return f"{self.label}: {sum(map(len, self.tries.values())):,} attempts at {len(self.tries):,} tasks"


def reliability(results: SearchResults | str | Path, attempts: int | None = None) -> Reliability:
    """Return what became of the samples of a search; reads its archive once.

    Args:
        results: of `soar.search` for several tasks, or the folder of a run, of which the last round counts.
        attempts: samples of each task that count, the first ones; None: all. Tasks with fewer count with these.

    Raises:
        EvaluationError: these are no results, or `attempts` is below 1.
    """
    if attempts is not None and attempts < 1:
        raise EvaluationError(f"attempts are at least 1, not {attempts}")
    found = as_results(results)
    tries = {}
    for name in found:
        if name not in found.twins:
            result = found[name]
            tries[result.task.content_hash] = _tries(result.task, (one for _, one in result.walk()), attempts)
    return Reliability(f"{found.run.name}@{found.config.iteration}", tries)


def _tries(task: Task, attempts: Iterable[Attempt], most: int | None) -> tuple[Try, ...]:
    placed = {_place(one): _try(task, one) for one in attempts if one.phase == "sample"}
    return tuple(placed[place] for place in sorted(placed)[:most])


def _place(attempt: Attempt) -> tuple[int, ...]:
    step, position = map(int, attempt.key.split("/")[-2:])
    return step, position


def _try(task: Task, attempt: Attempt) -> Try:
    known = all(example.output is not None for example in task.test)
    valid = [one.status == "ok" for one in attempt.test]
    pairs = zip(attempt.test, task.test, strict=False)
    exact = sum(one.status == "ok" and task.right(one.value, example.output) for one, example in pairs)
    ran = attempt.program is not None and all(one.status == "ok" for one in (*attempt.train, *attempt.test))
    return Try(sum(valid), len(task.test), exact if known else None, ran, attempt.finish_reason == "length")


@dataclass(frozen=True, slots=True)
class Paired:
    """One statistic of the attempts of two runs, the first at a task against the first, and so on.

    Attributes:
        both, only_a, only_b, neither: pairs of attempts.
        p: of McNemar's exact test on the pairs, which takes attempts at one task for independent.
        difference: share of b less that of a, with a 95% interval by a bootstrap over tasks, which does not.
    """

    both: int
    only_a: int
    only_b: int
    neither: int
    p: float
    difference: Estimate


@dataclass(frozen=True)
class PairedAttempts:
    """Two runs of the same tasks, attempt by attempt; prints itself.

    Attributes:
        a, b: their labels.
        tasks, pairs: that both have.
        tables: by statistic: "scored", and "right" where test outputs are known.
    """

    a: str
    b: str
    tasks: int
    pairs: int
    tables: dict[str, Paired]

    def to_json(self) -> dict[str, Any]:
        """All as JSON data."""
        return asdict(self)

    def lines(self) -> list[str]:
        """What there is to say, a line for each statistic."""
        found = [f"{self.pairs:,} pairs of attempts at {self.tasks:,} tasks, {self.b} against {self.a}"]
        for name, one in self.tables.items():
            found.append(
                f"{PAIRED[name][1]}: both {one.both:,}, only {self.a} {one.only_a:,}, only {self.b} {one.only_b:,}, "
                f"neither {one.neither:,}; McNemar's exact p = {one.p:.3g}; difference {one.difference.value:+.1%} "
                f"[{one.difference.low:+.1%}, {one.difference.high:+.1%}]"
            )
        return found

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __rich__(self) -> RenderableType:
        from rich.text import Text

        return Text(str(self))

    def _repr_html_(self) -> str:
        return "".join(f"<p>{escape(line)}</p>" for line in self.lines())


def compare_attempts(a: Reliability, b: Reliability) -> PairedAttempts:
    """Compare two runs attempt by attempt, on the tasks of both, found by their content.

    Raises:
        EvaluationError: they share no task with attempts.
    """
    pairs = {
        task: list(zip(tries, b.tries[task], strict=False)) for task, tries in a.tries.items() if b.tries.get(task)
    }
    pairs = {task: some for task, some in pairs.items() if some}
    if not pairs:
        raise EvaluationError(f"{a.label} and {b.label} share no task with samples: attempts cannot be paired")
    tables = {name: table for name in PAIRED if (table := _table(name, pairs.values())) is not None}
    return PairedAttempts(a.label, b.label, len(pairs), sum(map(len, pairs.values())), tables)


def _table(name: str, tasks: Iterable[Sequence[tuple[Try, Try]]]) -> Paired | None:
    from scipy.stats import binomtest

    test, _ = PAIRED[name]
    found = [[(test(one), test(other)) for one, other in some] for some in tasks]
    found = [some for some in found if None not in {each for pair in some for each in pair}]
    every = [pair for some in found for pair in some]
    if not every:
        return None
    both, only_a, only_b = (every.count(cell) for cell in ((True, True), (True, False), (False, True)))
    counts = [len(some) for some in found]
    sides = [([sum(bool(pair[side]) for pair in some) for some in found], counts) for side in (0, 1)]
    difference = bootstrap_difference(*sides)
    assert difference is not None  # there are pairs
    p = float(binomtest(only_b, only_a + only_b).pvalue) if only_a + only_b else 1.0
    return Paired(both, only_a, only_b, len(every) - both - only_a - only_b, p, difference)
