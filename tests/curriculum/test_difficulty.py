"""What attempts say of a task's difficulty, and vectors of tasks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from soar.archive.reader import Archive
from soar.archive.records import Evaluator
from soar.core.errors import SoarError
from soar.curriculum import CurriculumError, estimate, estimates, ranked
from soar.curriculum.difficulty import HARDER, MEASURES, Difficulty
from soar.curriculum.features import FEATURES, task_features
from soar.tasks.task import Example, Task
from tests.search_support import TASKS, attempt

TASK = TASKS["task0"]
EVALUATORS = [Evaluator(task) for task in TASKS.values()]
GRID = [[1, 2], [3, 4]]


def test_an_estimate_is_made_of_shares_and_bests() -> None:
    given = [
        attempt("0", 1.0, (GRID,), near=1.0),
        attempt("1", 0.5, (GRID,), near=0.9),
        attempt("2", 1.0, ([[0]],), near=1.0, broken=("hard-coded",)),
        attempt("3", 0.0, ([[5]],), near=0.2),
    ]
    given[0] = replace(given[0], logprob=-6.0, tokens=3)
    found = estimate(TASK, given)
    assert (found.attempts, found.solving, found.best_solved, found.mean_solved) == (4, 0.25, 1.0, 0.625)
    assert (found.best_pixels, found.mean_pixels) == (1.0, pytest.approx(0.775))
    assert found.disagreement == 0.5 and found.failing == 0.0 and found.logprob == -2.0
    assert estimate(TASK, given[1:]).logprob is None


def test_without_attempts_a_task_is_as_hard_as_can_be() -> None:
    found = estimate(TASK, [])
    assert found.attempts == 0 and found.disagreement == 1.0 and found.failing == 1.0 and found.length > 0
    lost = replace(attempt("0", 0.0), program=None, parse_error="no code", reply="?")
    assert estimate(TASK, [lost]).failing == 1.0


def test_test_outputs_play_no_part(two_rounds: Path) -> None:
    bare = {id: task.without_test_outputs() for id, task in TASKS.items()}
    with Archive(two_rounds) as archive:
        assert estimates(archive, map(Evaluator, bare.values())) == estimates(archive, EVALUATORS)


def test_an_archive_is_read_as_far_as_told(two_rounds: Path) -> None:
    with Archive(two_rounds) as archive:
        assert {one.attempts for one in estimates(archive, EVALUATORS, first=3).values()} == {3}
        both, last = estimates(archive, EVALUATORS), estimates(archive, EVALUATORS, iteration=1)
        assert all(both[id].attempts > last[id].attempts > 0 for id in TASKS)
        mine = [one for one in archive.attempts(EVALUATORS[0]) if one.eligible]
        assert both["task0"].best_solved == max(one.train_accuracy for one in mine)


def test_ranks_go_from_the_easiest_to_the_hardest() -> None:
    def made(value: float) -> Difficulty:
        return Difficulty(4, value, value, value, value, value, 1 - value, 1 - value, int(9 - 8 * value), value - 1)

    found = {"a": made(0.5), "b": made(1.0), "c": made(0.0), "d": made(0.5)}
    for measure in MEASURES:
        assert ranked(found, measure) == {"a": 0.5, "b": 0.0, "c": 1.0, "d": 0.5}, measure
    assert ranked({"a": made(0.2)}) == {"a": 0.0} and set(HARDER) == set(MEASURES)


def test_what_the_model_does_not_give_is_no_measure(two_rounds: Path) -> None:
    with Archive(two_rounds) as archive, pytest.raises(CurriculumError, match="take another measure"):
        ranked(estimates(archive, EVALUATORS), "logprob")
    with pytest.raises(SoarError, match=r"a soar\.Archive"):
        estimates(str(two_rounds), EVALUATORS)  # type: ignore[arg-type]


def test_features_are_of_the_examples_alone() -> None:
    task = Task("t", (Example([[1, 2]], [[1, 3]]), Example([[1]], [[1, 1], [1, 1]])), (Example([[7] * 9]),))
    found = dict(zip(FEATURES, task_features(task), strict=True))
    assert found["log cells in"] == pytest.approx(np.log(2) / 2) and found["same size"] == 0.5
    assert found["colours in"] == pytest.approx(0.15) and found["new colours"] == pytest.approx(0.05)
    assert found["cells kept"] == 0.25
    with pytest.raises(CurriculumError, match="features of your own"):
        task_features(Task("t", (Example("a", "b"),), (Example("c"),)))
