"""One vote over the attempts of several runs: other models, seeds or iterations, of the same tasks or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soar.core.errors import expect
from soar.evaluation.evaluation import Evaluation, as_results, evaluate, shown, watched
from soar.evaluation.figures import FIGURES, EvaluationError
from soar.evaluation.rows import TaskRow, best_known, measure
from soar.evolution.result import SearchResult
from soar.evolution.results import SearchResults
from soar.programs.embedding import load_embedder
from soar.programs.voting import Prediction, Vote, Weighting, name_of
from soar.tasks.task import Task

if TYPE_CHECKING:
    from rich.console import RenderableType

READINGS = ("mean_solved", "outputs_solved", "tasks_solved", "oracle")


@dataclass(frozen=True)
class Ensemble:
    """What several runs predict together, beside what each predicts alone; prints itself, draws itself in a notebook.

    Attributes:
        evaluation: of the joint vote; without a curve, since completions of several runs have no common order.
        members: of each run, by the same vote, in the order given.
        predictions: by task id, at most two each, best first.
    """

    evaluation: Evaluation
    members: tuple[Evaluation, ...]
    predictions: dict[str, list[Prediction]] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Predictions, and the figures of each run and of all together, as JSON data."""
        return {
            "vote": {"c": self.evaluation.vote_c, "weight": self.evaluation.vote_weight},
            "runs": {one.label: _readings(one) for one in self.members},
            "ensemble": _readings(self.evaluation),
            "predictions": {id: [asdict(one) for one in found] for id, found in self.predictions.items()},
        }

    def _table(self) -> tuple[list[str], list[list[str]]]:
        header = ["run", "tasks", *(FIGURES[name].title for name in READINGS)]
        rows = []
        for one in (*self.members, self.evaluation):
            found = [(FIGURES[name], one.summary[name]) for name in READINGS]
            texts = ["unknown" if value is None else shown(figure, value) for figure, value in found]
            rows.append([one.label, str(len(one.per_task)), *texts])
        return header, rows

    def __str__(self) -> str:
        header, rows = self._table()
        return "\n".join("; ".join(f"{name}: {cell}" for name, cell in zip(header, row, strict=True)) for row in rows)

    def __rich__(self) -> RenderableType:
        from rich.table import Table
        from rich.text import Text

        header, rows = self._table()
        table = Table(*header)
        for row in rows:
            table.add_row(*map(Text, row), style="bold" if row is rows[-1] else None)
        return table

    def _repr_html_(self) -> str:
        header, rows = self._table()
        lines = ["<tr>" + "".join(f"<td>{escape(cell)}" for cell in row) + "</tr>" for row in rows]
        return f"<table><tr>{''.join(f'<th>{escape(name)}' for name in header)}</tr>{''.join(lines)}</table>"


def vote_runs(
    runs: Sequence[SearchResults | str | Path],
    *,
    c: float = 1000,
    weight: Weighting | Vote = "sum",
    embedder: str | None = "ngrams",
    members: Sequence[Evaluation] | None = None,
    progress: bool = False,
) -> Ensemble:
    """Vote once over the attempts of all runs, task by task; tasks are matched by their content, not by their ids.

    A task that only some of the runs have is voted on by these. The order of the runs does not matter.

    Args:
        runs: results of `soar.search` or `load_run`, or folders; several iterations of one run count as several.
        c, weight: of the vote, see `soar.programs.voting.vote`.
        embedder: for the distances, see `evaluate`.
        members: evaluations of the runs by this vote, in their order, where they are at hand; None: they are made.
        progress: show a bar.

    Raises:
        EvaluationError: there is no run, a run is given twice, or one id stands for two different tasks.
    """
    expect(runs, (list, tuple), "what is voted over", "a list of runs")
    found = [as_results(run) for run in runs]
    _check_runs(found)
    if members is None:
        members = [evaluate(run, embedder=embedder, c=c, weight=weight, progress=progress) for run in found]
    embed = None if embedder is None else load_embedder(embedder).embed
    measured: list[tuple[TaskRow, list[Prediction]]] = []
    for task, results, twin in watched(_ballots(found), progress):
        measured.append(measure(results, c, weight, embed, task, twin))
    if len(runs) > 1:
        measured.sort(key=lambda pair: pair[0].task_id)
    twice = [id for id, count in Counter(row.task_id for row, _ in measured).items() if count > 1]
    if twice:
        raise EvaluationError(f"the runs have different tasks of one id: {', '.join(twice)}; rename them in one run")
    labels = sorted(one.label for one in members)
    joint = Evaluation(
        label=labels[0] if len(runs) == 1 else f"all {len(runs)} runs",
        model=" + ".join(sorted({one.model for one in members})),
        adapter=members[0].adapter if len(runs) == 1 else None,
        iteration=members[0].iteration if len(runs) == 1 else None,
        seed=members[0].seed if len(runs) == 1 else None,
        vote_c=c,
        vote_weight=name_of(weight),
        per_task=tuple(row for row, _ in measured),
    )
    return Ensemble(joint, tuple(members), {row.task_id: predictions for row, predictions in measured})


def _ballots(runs: Sequence[SearchResults]) -> list[tuple[Task, list[SearchResult], bool]]:
    """Return each task with the results to vote over, one per run, and whether a task before shares them.

    Twins, tasks that one run has under several ids, are voted on by the same attempts, each once.
    """
    by_content: dict[str, list[list[SearchResult]]] = {}
    for run in runs:
        own: dict[str, list[SearchResult]] = {}
        for result in run.values():
            own.setdefault(result.task.content_hash, []).append(result)
        for content, results in own.items():
            by_content.setdefault(content, []).append(results)
    found = []
    for several in by_content.values():
        alike = [result for results in several if len(results) > 1 for result in results]
        ids: list[str | None] = [*dict.fromkeys(result.task.id for result in alike)] or [None]
        for place, id in enumerate(ids):
            named = [result for results in several for result in results if id in (None, result.task.id)]
            voting = [next((one for one in results if one.task.id == id), results[0]) for results in several]
            found.append((best_known(named), voting, place > 0))
    return found


def _check_runs(runs: Sequence[SearchResults]) -> None:
    if not runs:
        raise EvaluationError("no run was given: name at least one run folder")
    names = Counter((run.run.resolve(), run.config.iteration) for run in runs)
    for (path, iteration), count in names.items():
        if count > 1:
            raise EvaluationError(f"iteration {iteration} of {path} is given {count} times: its votes would count so")


def _readings(evaluation: Evaluation) -> dict[str, Any]:
    return {name: value and value.to_json() for name in READINGS for value in (evaluation.summary[name],)}
