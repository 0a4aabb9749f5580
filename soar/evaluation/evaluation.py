"""An evaluation: a row per task, and from them every figure with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from soar.archive.export import to_pandas
from soar.core.custom import value_of
from soar.evaluation.figures import EvaluationError, Figure, Table, curve_figure, estimate, figures_for, pass_figure
from soar.evaluation.rows import TaskRow, budgets, by_task, measure
from soar.evaluation.statistics import Estimate
from soar.evolution.results import SearchResults
from soar.programs.embedding import load_embedder
from soar.programs.voting import Vote, Weighting, name_of

if TYPE_CHECKING:
    from pandas import DataFrame
    from rich.console import RenderableType

T = TypeVar("T")
_LISTS = ("test_correct", "oracle_correct")
_NAMES = {"hits": "test_correct", "reached": "oracle_correct"}  # as files written before have them


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What is solved after `budget` completions a task: mean share of test inputs, by the vote and by the oracle."""

    budget: int
    vote: Estimate
    oracle: Estimate


@dataclass(frozen=True)
class Evaluation:
    """What a search is worth; prints itself, draws itself in a notebook.

    Attributes:
        label: of the run, for tables and plots.
        model, adapter, iteration, seed: of the search; the last three None where several were joined.
        vote_c, vote_weight: of the vote, see `soar.programs.voting.vote`; of a `Vote` of one's own its label.
        per_task: a row per task, those that were not searched included.
    """

    label: str
    model: str
    adapter: str | None
    iteration: int | None
    seed: int | None
    vote_c: float
    vote_weight: str
    per_task: tuple[TaskRow, ...] = field(repr=False)

    @cached_property
    def summary(self) -> dict[str, Estimate | None]:
        """Every figure by name, with its 95% interval over tasks; None where unknown. See `docs/evaluation.md`."""
        return summarize([self])

    @cached_property
    def curve(self) -> list[CurvePoint]:
        """What is solved by number of completions; empty where no test output is known, or several runs were joined."""
        found = []
        for budget in budgets(max((row.completions for row in self.per_task if row.curve is not None), default=0)):
            vote, oracle = (estimate([self.per_task], curve_figure(budget, oracle)) for oracle in (False, True))
            assert vote is not None and oracle is not None
            found.append(CurvePoint(budget, vote, oracle))
        return found

    def pass_at(self, k: int, sampled: bool = False) -> Estimate | None:
        """Return mean pass@k over tasks for any k; of the sampling phase alone if `sampled`."""
        return estimate([self.per_task], pass_figure(k, sampled))

    def to_json(self) -> dict[str, Any]:
        """All as JSON data: the same search gives the same data. Figures are written too, for readers without soar."""
        data = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "per_task"}
        summary = {name: value and value.to_json() for name, value in self.summary.items()}
        curve = [asdict(point) for point in self.curve]
        return data | {"summary": summary, "curve": curve, "per_task": [asdict(row) for row in self.per_task]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_json`; figures are computed anew from the rows."""
        names = {one.name for one in fields(cls)} - {"per_task"}
        return cls(per_task=tuple(map(_row, data["per_task"])), **{name: data[name] for name in names})

    def to_pandas(self) -> DataFrame:
        """Return a pandas table with a row per task: the fields of `TaskRow`.

        Raises:
            ExportError: pandas is not installed.
        """
        return to_pandas(asdict(row) for row in self.per_task)

    def __str__(self) -> str:
        lines = [self._title()]
        lines += [f"{figure.title}: {shown} ({figure.meaning})" for figure, shown in self._shown()]
        return "\n".join(lines)

    def __rich__(self) -> RenderableType:
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable("figure", "value, 95% interval", "", title=Text(self._title()), title_justify="left")
        for figure, shown in self._shown():
            table.add_row(figure.title, shown, figure.meaning)
        return table

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(figure.title)}<td>{escape(shown)}<td>{escape(figure.meaning)}</tr>"
            for figure, shown in self._shown()
        )
        return f"<b>{escape(self._title())}</b><table><tr><th>figure<th>value, 95% interval<th></tr>{rows}</table>"

    def _title(self) -> str:
        skipped = sum(row.skipped is not None for row in self.per_task)
        graded = [row for row in self.per_task if row.test_correct is not None]
        solved = (
            f"{sum(row.solved is True for row in graded)} of {len(graded)} tasks solved" if graded else "not graded"
        )
        unsearched = f", {skipped} of {len(self.per_task)} not searched" if skipped else ""
        doubted = sum(bool(row.set_aside) for row in self.per_task)
        aside = f", {doubted} answered only by attempts that rules set aside" if doubted else ""
        adapter = f" with {self.adapter}" if self.adapter else ""
        return f"{self.label}: {self.model}{adapter}, {solved}{unsearched}{aside}"

    def _shown(self) -> list[tuple[Figure, str]]:
        """A line per figure, and one each for all pass@k."""
        known = figures_for([self.per_task])
        values = [(known[name], value) for name, value in self.summary.items() if value is not None]
        lines = [(figure, shown(figure, value)) for figure, value in values if "pass@" not in figure.title]
        for name, meaning in (("pass@", "mean over tasks"), ("sampled pass@", "sampling phase only")):
            found = [(figure.title[len(name) :], value) for figure, value in values if figure.title.startswith(name)]
            row = Figure(known["oracle"].part, f"{name}k", True, meaning)
            lines.append((row, ", ".join(f"{k}: {value.value:.2%}" for k, value in found)))
        return lines


def evaluate(
    results: SearchResults | str | Path,
    *,
    embedder: str | None = "ngrams",
    c: float | None = None,
    weight: Weighting | Vote | None = None,
    progress: bool = False,
) -> Evaluation:
    """Evaluate a search; reads its archive once, a task at a time.

    Args:
        results: of `soar.search` or `load_run`, or the folder of a run, of which the last round counts.
        embedder: for the distances, see `soar.programs.embedding.load_embedder`; None: they are not measured.
        c, weight: of the vote; None: as the search was told.
        progress: show a bar.

    Raises:
        EvaluationError: these are no results.
    """
    results = as_results(results)
    config = results.config
    c = config.vote_c if c is None else c
    weighing: Weighting | Vote = value_of(weight or config.vote_weight, "vote_weight")
    embed = None if embedder is None else load_embedder(embedder).embed
    ids = watched(list(results), progress)
    rows = [measure([results[id]], c, weighing, embed, twin=id in results.twins)[0] for id in ids]
    model, adapter = results.model
    label = f"{results.run.name}@{config.iteration}"
    return Evaluation(label, model, adapter, config.iteration, config.seed, c, name_of(weighing), tuple(rows))


def as_results(given: SearchResults | str | Path) -> SearchResults:
    """Return results as they are, or those in the folder of a run. Raises EvaluationError for anything else."""
    from soar.evolution.results import SearchResults, load_run

    if isinstance(given, (str, Path)):
        return load_run(given)
    if not isinstance(given, SearchResults):
        raise EvaluationError(
            f"{given!r} is no search of several tasks: give the results of soar.search for a list, or a run's folder"
        )
    return given


def summarize(
    evaluations: Sequence[Evaluation], names: Iterable[str] | None = None, ks: Sequence[int] | None = None
) -> dict[str, Estimate | None]:
    """Return figures by name over one or several searches of the same tasks, such as several seeds.

    Intervals are over tasks, and where there are several searches over these too (see `bootstrap`).

    Args:
        evaluations: each of the same tasks.
        names: of the figures; None: all.
        ks: of pass@k; None: powers of two.

    Raises:
        EvaluationError: their tasks differ.
    """
    table = aligned(evaluations)
    known = figures_for(table, ks)
    return {name: estimate(table, known[name]) for name in (known if names is None else names)}


def aligned(evaluations: Sequence[Evaluation]) -> Table:
    """Return the rows of each evaluation, tasks in the same order. Raises EvaluationError where their tasks differ."""
    tables = by_task([one.per_task for one in evaluations])
    for one, rows in zip(evaluations[1:], tables[1:], strict=True):
        if differing := tables[0].keys() ^ rows.keys():
            raise EvaluationError(
                f"{evaluations[0].label} and {one.label} differ in {len(differing)} tasks: evaluate the same tasks"
            )
    return [[rows[task] for task in tables[0]] for rows in tables]


def shown(figure: Figure, value: Estimate, signed: bool = False) -> str:
    """A figure as a line of a table says it; a difference with its sign."""
    form = ("+" if signed else "") + (".2%" if figure.percent else ",.4g")
    if not figure.percent and max(map(abs, (value.value, value.low, value.high))) >= 1000:
        form = form.replace(".4g", ".0f")
    return f"{value.value:{form}} [{value.low:{form}}, {value.high:{form}}]"


def watched(tasks: Sequence[T], progress: bool) -> Iterable[T]:
    """Pass tasks on, or what stands for them, with a bar on standard error if wanted."""
    if not progress:
        return tasks
    from rich.console import Console
    from rich.progress import track

    return track(tasks, "Reading tasks", console=Console(stderr=True), transient=True)


def _row(data: dict[str, Any]) -> TaskRow:
    data = {_NAMES.get(name, name): value for name, value in data.items()}
    known = {name: data[name] and tuple(data[name]) for name in _LISTS}
    curve = None if data["curve"] is None else tuple((int(n), vote, oracle) for n, vote, oracle in data["curve"])
    return TaskRow(**data | known | {"curve": curve, "set_aside": tuple(data.get("set_aside", ()))})
