"""Two searches of the same tasks, compared task by task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from soar.evaluation.evaluation import Evaluation, aligned, shown
from soar.evaluation.figures import EvaluationError, figures_for, named_figures, parts
from soar.evaluation.rows import TaskRow, by_task
from soar.evaluation.statistics import Estimate, bootstrap_difference, mcnemar

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True, slots=True)
class Comparison:
    """What search b does better or worse than search a, on the tasks that both have and whose answers are known.

    Attributes:
        a, b: their labels.
        gained: ids of the tasks that only b solves (every test input right); `lost`: that only a solves.
        both, neither: that both solve, and none.
        p: of McNemar's exact test on gained and lost.
        differences: figure of b less figure of a, by name, with a 95% interval from a paired bootstrap over tasks;
            None where one of them is unknown.
        left_out: number of tasks that only one of them has, or whose answers are unknown.
    """

    a: str
    b: str
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    both: tuple[str, ...]
    neither: tuple[str, ...]
    p: float
    differences: dict[str, Estimate | None]
    left_out: int

    def to_json(self) -> dict[str, Any]:
        """All as JSON data."""
        return asdict(self)

    def _lines(self) -> list[str]:
        tasks = sum(map(len, (self.gained, self.lost, self.both, self.neither)))
        lines = [
            f"{self.b} against {self.a}: {tasks} tasks, {len(self.gained)} gained, {len(self.lost)} lost, "
            f"{len(self.both)} solved by both, {len(self.neither)} by none; McNemar's exact p = {self.p:.3g}"
        ]
        lines += [f"{name}: {', '.join(ids) or 'none'}" for name, ids in (("gained", self.gained), ("lost", self.lost))]
        return lines + ([f"{self.left_out} tasks left out: not in both, or answers unknown"] if self.left_out else [])

    def _rows(self) -> list[tuple[str, str]]:
        ks = sorted({int(name.partition("pass@")[2]) for name in self.differences if "pass@" in name})
        known = [(figure, self.differences.get(name)) for name, figure in named_figures(ks).items()]
        return [(figure.title, shown(figure, value, signed=True)) for figure, value in known if value is not None]

    def __str__(self) -> str:
        return "\n".join(self._lines() + [f"{title}: {value}" for title, value in self._rows()])

    def __rich__(self) -> RenderableType:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table("figure", "difference, 95% interval")
        for row in self._rows():
            table.add_row(*row)
        return Group(*map(Text, self._lines()), table)

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td>{escape(title)}<td>{escape(value)}</tr>" for title, value in self._rows())
        header = "<tr><th>figure<th>difference, 95% interval</tr>"
        return "".join(f"<p>{escape(line)}</p>" for line in self._lines()) + f"<table>{header}{rows}</table>"


def compare(a: Evaluation, b: Evaluation) -> Comparison:
    """Compare search b with search a on the tasks of both, found by their content.

    Raises:
        EvaluationError: they share no task whose answers are known, or are no evaluations.
    """
    for one in (a, b):
        if not isinstance(one, Evaluation):
            raise EvaluationError(f"{one!r} is no evaluation: give what soar.evaluate returns")
    every = by_task([a.per_task, b.per_task])
    rows_a, rows_b = ({task: row for task, row in rows.items() if row.solved is not None} for rows in every)
    shared = [task for task in rows_a if task in rows_b]
    if not shared:
        raise EvaluationError(f"{a.label} and {b.label} share no task with known answers: nothing can be compared")
    cells: dict[tuple[bool, bool], list[str]] = {(x, y): [] for x in (False, True) for y in (False, True)}
    for task in shared:
        cells[rows_a[task].solved is True, rows_b[task].solved is True].append(rows_b[task].task_id)
    gained, lost = tuple(cells[False, True]), tuple(cells[True, False])
    return Comparison(
        a=a.label,
        b=b.label,
        gained=gained,
        lost=lost,
        both=tuple(cells[True, True]),
        neither=tuple(cells[False, False]),
        p=mcnemar(len(gained), len(lost)),
        differences=_differences([[rows_a[task] for task in shared]], [[rows_b[task] for task in shared]]),
        left_out=len(every[0].keys() | every[1].keys()) - len(shared),
    )


def differences(
    a: Sequence[Evaluation], b: Sequence[Evaluation], ks: Sequence[int] | None = None
) -> dict[str, Estimate | None]:
    """Return figures of b less those of a over several seeds: `a[i]` and `b[i]` are of one seed, all of the same tasks.

    Intervals are from a bootstrap over tasks and seeds in which both sides are drawn alike.

    Raises:
        EvaluationError: their tasks or numbers differ.
    """
    if len(a) != len(b):
        raise EvaluationError(f"{len(a)} searches cannot be paired with {len(b)}: give as many of each, seed by seed")
    table = aligned([*a, *b])
    return _differences(table[: len(a)], table[len(a) :], ks)


def _differences(
    a: Sequence[Sequence[TaskRow]], b: Sequence[Sequence[TaskRow]], ks: Sequence[int] | None = None
) -> dict[str, Estimate | None]:
    known = figures_for([*a, *b], ks)
    return {name: bootstrap_difference(parts(a, one), parts(b, one)) for name, one in known.items()}
