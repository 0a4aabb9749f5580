"""Kaggle's submission file of the ARC Prize: written from what searches predict, and scored against known answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soar.core.errors import SoarError, expect, expect_path
from soar.evaluation.ensemble import vote_runs
from soar.evaluation.evaluation import as_results
from soar.evolution.results import SearchResults
from soar.tasks.files import TaskFileError, read_json
from soar.tasks.task import Task
from soar.tasks.values import Grid, Value, is_grid

Submission = dict[str, list[dict[str, Grid]]]
ATTEMPTS = ("attempt_1", "attempt_2")
NO_ANSWER: Grid = [[0]]  # the form allows no gap


class SubmissionError(SoarError):
    """No submission can be made of these runs, or a file is none; the message names the task and the place."""


@dataclass(frozen=True, slots=True)
class SubmissionScore:
    """What a submission is worth.

    Attributes:
        outputs: test inputs of all tasks; `right`: of them with one of the two attempts exactly right.
        tasks: all of the set; `tasks_solved`: of them with every test input right; `mean_solved`: mean over tasks of
            the share of test inputs that are right.
        missing: tasks of the set that the file lacks; they count as wrong.
        strangers: tasks of the file that the set lacks; they do not count.
    """

    outputs: int
    right: int
    tasks: int
    tasks_solved: int
    mean_solved: float
    missing: tuple[str, ...]
    strangers: tuple[str, ...]

    @property
    def score(self) -> float:
        """Kaggle's: the share of all test inputs that are right."""
        return self.right / self.outputs

    def __str__(self) -> str:
        lines = [
            f"score {self.score:.2%}: {self.right} of {self.outputs} test inputs right",
            f"{self.tasks_solved} of {self.tasks} tasks solved, {self.mean_solved:.2%} of a task in the mean",
        ]
        for name, ids in (("not in the file", self.missing), ("not in the set", self.strangers)):
            if ids:
                lines.append(f"{len(ids)} tasks {name}: {', '.join(ids[:5])}{', ...' if len(ids) > 5 else ''}")
        return "\n".join(lines)


def submission(runs: SearchResults | str | Path | Sequence[SearchResults | str | Path]) -> Submission:
    """Return `{task: [{"attempt_1": grid, "attempt_2": grid}, one per test input]}` with every task of the runs.

    Attempts are the two answers of the vote; of several runs, of one vote over all. A task with one answer has it
    twice, one without any has `[[0]]`, since the form allows no gap.

    Raises:
        SubmissionError: a task is not one of grids.
        EvaluationError: these are no results.
    """
    expect(runs, (SearchResults, str, Path, list, tuple), "what is submitted", "a run's folder, results, or a list")
    several = [runs] if isinstance(runs, (SearchResults, str, Path)) else list(runs)
    found = [as_results(one) for one in several]
    tasks = {id: result.task for results in found for id, result in results.items()}
    if len(found) == 1:
        predictions = {id: result.predictions for id, result in found[0].items()}
    else:
        joint = vote_runs(found, embedder=None).predictions  # by the id that the task has in one of the runs
        by_content = {tasks[id].content_hash: mine for id, mine in joint.items()}
        predictions = {id: by_content[task.content_hash] for id, task in tasks.items()}
    return {id: _attempts(task, [one.outputs for one in predictions[id]]) for id, task in tasks.items()}


def unanswered(made: Submission) -> int:
    """Return for how many tasks there is no answer but the one that fills the gap."""
    return sum(all(grid == NO_ANSWER for pair in pairs for grid in pair.values()) for pairs in made.values())


def score_submission(file: str | Path | Mapping[str, Any], tasks: Mapping[str, Task]) -> SubmissionScore:
    """Score a submission, a file or its content, against tasks whose answers are known.

    Raises:
        SubmissionError: it has not the form of a submission, or an answer is unknown.
    """
    expect(tasks, Mapping, "what is scored against", "a set of tasks, see soar.load_tasks")
    try:
        data = file if isinstance(file, Mapping) else read_json(expect_path(file, "a submission"))
    except TaskFileError as error:
        raise SubmissionError(str(error)) from None
    if not isinstance(data, Mapping):
        raise SubmissionError(f"a submission is an object of tasks by id, not {type(data).__name__}")
    shares = [_hits(task, data[id]) if id in data else [False] * len(task.test) for id, task in tasks.items()]
    if not shares:
        raise SubmissionError("there is no task to score against")
    return SubmissionScore(
        outputs=sum(map(len, shares)),
        right=sum(map(sum, shares)),
        tasks=len(tasks),
        tasks_solved=sum(map(all, shares)),
        mean_solved=sum(sum(hits) / len(hits) for hits in shares) / len(tasks),
        missing=tuple(id for id in tasks if id not in data),
        strangers=tuple(id for id in data if id not in tasks),
    )


def _attempts(task: Task, answers: Sequence[Sequence[Value]]) -> list[dict[str, Grid]]:
    if not task.without_test_outputs().is_grid or not all(is_grid(value) for answer in answers for value in answer):
        raise SubmissionError(f"task {task.id!r}: a submission holds grids only, and this task or an answer is none")
    first = answers[0] if answers else [NO_ANSWER] * len(task.test)
    second = answers[1] if len(answers) > 1 else first
    return [dict(zip(ATTEMPTS, pair, strict=True)) for pair in zip(first, second, strict=True)]  # type: ignore[arg-type]


def _hits(task: Task, pairs: object) -> list[bool]:
    """For each test input whether one of its attempts is right."""
    if not isinstance(pairs, list) or len(pairs) != len(task.test):
        found = f"{len(pairs)} of them" if isinstance(pairs, list) else f"{type(pairs).__name__}, no list"
        due = f"one pair of attempts for each of {len(task.test)} test inputs is due"
        raise SubmissionError(f"task {task.id!r}: {due}, not {found}")
    hits = []
    for place, (pair, example) in enumerate(zip(pairs, task.test, strict=True)):
        where = f"task {task.id!r}, test input {place + 1}"
        if example.output is None:
            raise SubmissionError(f"{where}: the answer is unknown, so nothing can be scored")
        if not isinstance(pair, dict) or pair.keys() != set(ATTEMPTS):
            found = ", ".join(map(str, pair)) if isinstance(pair, dict) else type(pair).__name__
            raise SubmissionError(f"{where}: {' and '.join(ATTEMPTS)} are due, not {found or 'nothing'}")
        for name, grid in pair.items():
            if not is_grid(grid):
                raise SubmissionError(f"{where}, {name}: no grid of digits 0 to 9 with 1 to 30 rows and columns")
        hits.append(any(grid == example.output for grid in pair.values()))
    return hits
