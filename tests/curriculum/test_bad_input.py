"""What a user can give wrong: one line that says what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from soar.core.errors import SoarError
from soar.curriculum import (
    DSC,
    SEC,
    AdaRFT,
    BalancedFilter,
    CurriculumError,
    Knapsack,
    Known,
    Prospects,
    Stage,
    Stages,
    TestTimeCurriculum,
    Uniform,
    group_by_difficulty,
    make_teacher,
    ranked,
)
from tests.curriculum.support import NAMES, known, make

NAN = float("nan")
WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: make_teacher("unifrom", known(3)), "nearest: uniform"),
    (lambda: make_teacher("adarft", Known(["a"])), "give an archive"),
    (lambda: make_teacher("alp-gmm", Known(["a"])), "needs features"),
    (lambda: make_teacher("sec", Known(["a", "b"], {"a": 0.1})), "no difficulty for 1 of 2 tasks, 'b' first"),
    (lambda: make_teacher("sec", known(3)), "into 5 groups by difficulty, and there are 3: give more tasks, or take"),
    (lambda: make_teacher("ttc", Known(["a"], features={"a": [1.0]})), "0 targets"),
    (lambda: Uniform([]), "at least one task"),
    (lambda: Uniform(["a", "b", "a"]), "'a' comes twice"),
    (lambda: group_by_difficulty({"a": 1.0}, 2), "1 tasks do not make 2 groups"),
    (lambda: group_by_difficulty({"a": 1.0}, 0), "ask for 1 to 1"),
    (lambda: SEC(["a", "b"], {"a": "x"}), "no group for 1 of 2 tasks"),
    (lambda: AdaRFT({"a": 3.0}), "scale it to"),
    (lambda: AdaRFT({"a": NAN}), "scale it to"),
    (lambda: Stages([]), "at least one task"),
    (lambda: Stages([Stage(["a"], 1), Stage(["a"], 1)]), "'a' comes twice"),
    (lambda: Stages([Stage(["a"], 0), Stage(["b"], 1)]), "stage 1 has no tasks or no visits"),
    (lambda: TestTimeCurriculum({"a": [1.0]}, {"t": [1.0]}, 2), "select 1 to 1"),
    (lambda: TestTimeCurriculum({"a": [1.0]}, {"t": [1.0, 2.0]}, 1), "use one"),
    (lambda: TestTimeCurriculum({"a": [NAN]}, {"t": [1.0]}, 1), "without NaN"),
    (lambda: Knapsack(["a", "b"]).allocate(["a", "b"], 3), "take more, or fewer tasks"),
    (lambda: Knapsack(["a"], low=3, high=2), "low <= high"),
    (lambda: BalancedFilter(["a"], pilot=0), "at least 1"),
    (lambda: BalancedFilter(["a"]).allocate(["a"], 0), "at least one task"),
    (lambda: Prospects({"a": 1.0}, first=9, most=8), "1 <= first <= most"),
    (lambda: Prospects({"a": 1.0, "b": 1.0}).allocate(["a", "b"], 1), "one sample each"),
    (lambda: DSC({"a": 1.0}).allocate(["a"], 0), "at least one of each"),
    (lambda: DSC({"a": 1.0}).vote("b", ["x"]), "none of the 1 tasks"),
    (lambda: ranked({}, "beauty"), "not by 'beauty'"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("wrong, said", WRONG)
def test_one_line_says_what_to_do(wrong: Callable[[], Any], said: str) -> None:
    with pytest.raises(CurriculumError) as error:
        wrong()
    assert said in str(error.value) and "\n" not in str(error.value) and isinstance(error.value, SoarError)


@pytest.mark.parametrize("name", NAMES)
def test_rewards_that_are_no_numbers_change_nothing(name: str) -> None:
    teacher = make(name)
    before, task = teacher.state_dict(), teacher.tasks[0]
    for rewards, said in (([0.5, NAN], "nan"), ([float("inf")], "inf"), ([], "no rewards")):
        with pytest.raises(CurriculumError, match=said):
            teacher.update(task, rewards)
    with pytest.raises(CurriculumError, match="none of the"):
        teacher.update("another", [1.0])
    if teacher.unit:
        with pytest.raises(CurriculumError, match="scaled to"):
            teacher.update(task, [1.5])
    assert teacher.state_dict() == before


@pytest.mark.parametrize("name", NAMES)
def test_a_state_of_another_teacher_or_of_other_tasks_is_refused(name: str) -> None:
    teacher = make(name)
    state = teacher.state_dict()
    with pytest.raises(CurriculumError, match="not of"):
        teacher.load_state_dict(state | {"teacher": "nobody"})
    with pytest.raises(CurriculumError, match="other tasks"):
        teacher.load_state_dict(state | {"tasks": ["x", *teacher.tasks[1:]]})
    with pytest.raises(CurriculumError, match="other tasks"):
        make(name, n=16).load_state_dict(state)
    with pytest.raises(CurriculumError, match="another order"):
        teacher.load_state_dict(state | {"tasks": list(reversed(teacher.tasks))})
    assert teacher.state_dict() == state
