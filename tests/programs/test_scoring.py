"""Scorers: how good a program is, by the examples alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import soar
from soar.core.errors import SoarError
from soar.programs.scoring import Score, ScoringError, checked_score
from soar.sandbox.outcome import Outcome
from soar.tasks.values import pixel_accuracy
from tests.search_support import TASKS, script

OPTIONS: dict[str, Any] = {"samples": 16, "refinements": 16, "workers": 1}


class Cells:
    """A scorer: the share of cells that are right. It notes which outputs it could have read."""

    def __init__(self) -> None:
        self._read: list[object] = []

    def score(self, task: soar.Task, outcomes: Sequence[Outcome]) -> Score:
        self._read += [example.output for example in task.test]
        pairs = zip(outcomes, task.train, strict=True)
        near = [pixel_accuracy(one.value, e.output) if one.status == "ok" else 0.0 for one, e in pairs]
        return Score(sum(near) / len(near), tuple(share == 1 for share in near))


def test_a_scorer_of_ones_own_decides_what_is_refined_and_which_is_best(tmp_path: Path) -> None:
    scorer = Cells()
    found = soar.search(TASKS, soar.ScriptedModel(script), run=tmp_path, scorer=scorer, selector="best", **OPTIONS)
    assert scorer._read and set(scorer._read) == {None}
    for result in found.values():
        fitness = [one.fitness for one in result.attempts if one.program]
        assert fitness == sorted(fitness, reverse=True)
        assert any(one.train_accuracy == 0 < one.fitness for one in result.attempts)
        refinable = [one for one in result.attempts if one.key.startswith("0/sample") and one.refinable]
        by_key = {one.key: one for one in result.attempts}
        first = [one for one in by_key.values() if one.key.startswith("0/refine/0/0")]
        assert {by_key[one.parents[0]].fitness for one in first} == {max(one.fitness for one in refinable)}
    again = soar.load_run(tmp_path, scorer=Cells())
    assert again.to_json() == found.to_json()
    with pytest.raises(SoarError, match=r"scorer was an object of your own, Cells#\w+: give it again"):
        _ = soar.load_run(tmp_path)["task0"].attempts


@pytest.mark.parametrize(
    "given",
    [None, 1.0, Score(2.0, (True,)), Score(math.nan, (True,)), Score("1", (True,)), Score(1, ()), Score(True, 1)],  # type: ignore[arg-type]
)
def test_what_cannot_be_ranked_is_said(given: Any) -> None:
    class Odd:
        def score(self, task: soar.Task, outcomes: Sequence[Outcome]) -> Score:
            return given  # type: ignore[no-any-return]

    task = soar.Task("t", (soar.Example([[1]], [[1]]),), (soar.Example([[1]], None),))
    with pytest.raises(ScoringError, match=r"Odd.score\(\) of task t"):
        checked_score(Odd(), task, [Outcome("ok", [[1]])])
