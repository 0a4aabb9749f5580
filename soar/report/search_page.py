"""What a report says of one search, and its tasks one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from soar.archive.reader import Archive, clear_errors
from soar.archive.records import Request
from soar.core.custom import value_of
from soar.evaluation.evaluation import Evaluation
from soar.evaluation.figures import figures_for
from soar.evaluation.rows import TaskRow, measure
from soar.evolution.config import SearchConfig
from soar.evolution.run_folder import RunFolder
from soar.programs.voting import Vote, Weighting, name_of
from soar.report.prompts import PromptMaker
from soar.report.task_page import NEAR, TaskNotes, WatchedResult, pairs
from soar.tasks.task import Task, twins_of

MOMENTS = 200  # points of a curve over time
ERRORS = 12  # types of errors that are named

Keep = Callable[[dict[str, Any]], int]


@dataclass(frozen=True, slots=True)
class Search:
    """A round of a run.

    Attributes:
        folder: the run's; `iteration`: the round.
        title: as the report calls it.
    """

    folder: RunFolder
    iteration: int
    title: str

    @classmethod
    def of(cls, run: Path, iteration: int | None, title: str) -> Search:
        """Return the search of a round of a run; None: the last.

        Raises:
            ConfigError: the folder holds no such search.
        """
        folder = RunFolder(run.absolute())
        return cls(folder, folder.config(iteration).iteration, title)


@dataclass(slots=True)
class SearchPage:
    """Reads a search once, a task at a time.

    Attributes:
        search: what is read.
        keep: takes a task's data and returns the number under which the page finds it again.
        evaluation: of the search, once it has been read.
    """

    search: Search
    keep: Keep
    evaluation: Evaluation | None = None
    _kinds: Counter[str] = field(default_factory=Counter)
    _errors: Counter[str] = field(default_factory=Counter)
    _moments: list[tuple[float, int, bool]] = field(default_factory=list)  # when, completions, first to solve a task

    def read(self) -> dict[str, Any]:
        """Return the search as JSON data, its tasks as one line each; `keep` has had the rest.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        folder, number = self.search.folder, self.search.iteration
        config, tasks = folder.config(number), folder.tasks()
        weight: Weighting | Vote = value_of(config.vote_weight, "vote_weight")
        rows, lines = [], []
        with ExitStack() as stack:
            archive = stack.enter_context(Archive(folder.archive))
            stack.enter_context(clear_errors(folder.archive))
            for row, line in self._tasks(archive, tasks, config, weight):
                rows.append(row)
                lines.append(line)
            counts, cost = archive.counts(iteration=number), archive.cost(iteration=number)
        model, adapter = folder.model(number)
        label, name = f"{folder.path.name}@{number}", name_of(weight)
        self.evaluation = Evaluation(label, model, adapter, number, config.seed, config.vote_c, name, tuple(rows))
        return {
            "title": self.search.title,
            "run": str(folder.path.name),
            "iteration": number,
            "model": model,
            "adapter": adapter,
            "options": {key: str(value) for key, value in config.model_dump(mode="json").items() if value is not None},
            "counts": counts | {"cost": cost},
            "events": folder.events(),
            "figures": _figures(self.evaluation) if counts["completions"] else [],
            "curve": _curve(self.evaluation),
            "time": self._over_time(),
            "kinds": self._kinds.most_common(),
            "errors": self._errors.most_common(ERRORS),
            "tasks": lines,
        }

    def _tasks(
        self, archive: Archive, tasks: dict[str, Task], config: SearchConfig, weight: Weighting | Vote
    ) -> Iterator[tuple[TaskRow, dict[str, Any]]]:
        skipped = self.search.folder.skipped(config.iteration)
        twins = {other for others in twins_of(tasks)[1].values() for other in others}
        maker = PromptMaker(self.search.folder, config)
        for id, task in tasks.items():
            result = WatchedResult(task, archive, config, skipped.get(id))
            row, predictions = measure([result], config.vote_c, weight, task=task, twin=id in twins)
            notes = result.notes
            requests = archive.requests(task.content_hash, config.iteration)
            detail = self.keep(notes.to_json(requests, predictions, maker))
            line = _line(row, notes) | {"pair": pairs(task.train[:1] or task.test[:1]), "detail": detail}
            if not row.twin:
                self._kinds += notes.kinds()
                self._errors += notes.error_types()
                self._note_times(notes, requests)
            yield row, line

    def _note_times(self, notes: TaskNotes, requests: list[tuple[Request, float]]) -> None:
        when = {request.key: created for request, created in requests}
        times = [(when[one.key.rpartition("/")[0]], one) for one in notes.attempts]
        first = min((time for time, one in times if one.eligible and one.solves_examples), default=None)
        self._moments += [(time, count, False) for time, count in Counter(time for time, _ in times).items()]
        if first is not None:
            self._moments.append((first, 0, True))

    def _over_time(self) -> list[list[float]]:
        """Minutes since the first reply, completions, tasks with a program that solves the examples."""
        if not self._moments:
            return []
        moments = sorted(self._moments)
        start, completions, solved, points = moments[0][0], 0, 0, []
        for time, count, first in moments:
            completions, solved = completions + count, solved + first
            points.append([round((time - start) / 60, 3), completions, solved])
        step = max(len(points) // MOMENTS, 1)
        return [*points[:-1:step], points[-1]]


def _line(row: TaskRow, notes: TaskNotes) -> dict[str, Any]:
    """A task in the gallery."""
    best = notes.best
    return {
        "id": row.task_id,
        "hash": row.task_hash,
        "state": state_of(row, best),
        "skipped": row.skipped,
        "test_correct": None if row.test_correct is None else [sum(row.test_correct), len(row.test_correct)],
        "oracle_correct": None if row.oracle_correct is None else sum(row.oracle_correct),
        "accuracy": round(best["accuracy"], 4),
        "pixels": round(best["pixels"], 4),
        "completions": row.completions,
        "programs": row.programs,
        "solving": row.solving_examples,
        "tokens": row.tokens,
        "aside": list(row.set_aside),
        "twin": row.twin,
        "failures": row.failures,
    }


def state_of(row: TaskRow, best: dict[str, float]) -> str:
    """Where a task stands, in a word: solved, near, failed, unknown (its answers), skipped, waiting."""
    if row.completions == 0:
        return "skipped" if row.skipped else "waiting"
    if row.solved:
        return "solved"
    if row.solved is None:
        return "unknown"
    close = any(row.oracle_correct or ()) or best["eligible"] == 1.0 or best["pixels"] >= NEAR
    return "near" if close else "failed"


def _figures(evaluation: Evaluation) -> list[dict[str, Any]]:
    known = figures_for([evaluation.per_task])
    return [
        {"name": name, "title": known[name].title, "percent": known[name].percent, "meaning": known[name].meaning}
        | {"value": value.value, "low": value.low, "high": value.high}
        for name, value in evaluation.summary.items()
        if value is not None
    ]


def _curve(evaluation: Evaluation) -> list[list[float]]:
    """Completions; by the vote: value, low, high; by the oracle: the same."""
    return [
        [point.budget, *(round(x, 5) for one in (point.vote, point.oracle) for x in (one.value, one.low, one.high))]
        for point in evaluation.curve
    ]
