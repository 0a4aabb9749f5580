"""Groups in the order of a teacher: laws, bad input, and that training takes them so."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import get_args

import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from soar.cli.main import app
from soar.core.errors import SoarError
from soar.curriculum import TEACHERS, CurriculumError
from soar.hindsight.ordering import GroupTeacher, order_groups
from soar.training.encoding import fingerprint
from soar.training.policy_gradient import visited

COLUMNS = {"prompt": [], "prefill": "", "temperature": 1.0, "model": "mini", "adapter": None, "prompt_set": "mini:1"}


def groups(rewards: list[list[float]]) -> Dataset:
    return Dataset.from_list(
        [
            {"task_id": f"t{i}", "rewards": some, "replies": [[1]] * len(some), **COLUMNS}
            for i, some in enumerate(rewards)
        ]
    )


def visits(ordered: Dataset) -> list[int]:
    """All visits, of all groups."""
    return list(chain.from_iterable(ordered["visits"]))


@pytest.mark.parametrize("teacher", get_args(GroupTeacher))
@settings(max_examples=10, deadline=None)
@given(
    solved=st.lists(st.integers(0, 8), min_size=5, max_size=12).filter(lambda some: any(0 < one < 8 for one in some)),
    epochs=st.integers(1, 3),
    seed=st.integers(0, 9),
)
def test_every_visit_is_of_a_group_that_teaches_and_has_its_number(
    teacher: GroupTeacher, solved: list[int], epochs: int, seed: int
) -> None:
    data = groups([[1.0] * one + [0.0] * (8 - one) for one in solved])
    teaching = [f"t{i}" for i, one in enumerate(solved) if 0 < one < 8]
    try:
        ordered = order_groups(data, teacher, epochs=epochs, batch_size=24, seed=seed)
    except CurriculumError as error:  # one that looks elsewhere, and says so
        assert "none of" in str(error) and teacher in ("adarft", "cdas", "prospects", "dsc")
        return
    assert set(ordered["task_id"]) <= set(teaching)
    assert sorted(visits(ordered)) == list(range(len(visits(ordered)))) and len(visits(ordered)) <= epochs * len(
        teaching
    )
    assert ordered.to_list() == order_groups(data, teacher, epochs=epochs, batch_size=24, seed=seed).to_list()


def test_uniform_makes_as_many_visits_as_without_a_teacher() -> None:
    data = groups([[1.0, 0.0]] * 7 + [[0.0, 0.0]] * 5)
    assert len(visits(order_groups(data, "uniform", epochs=2, batch_size=6))) == 14


def test_a_teacher_that_seeks_spread_takes_what_has_most() -> None:
    data = groups([[1.0] * 8 + [0.0] * 8] * 3 + [[1.0] + [0.0] * 15] * 12)
    ordered = order_groups(data, "vcrl", epochs=4, batch_size=64)
    count = {task: len(some) for task, some in zip(ordered["task_id"], ordered["visits"], strict=True)}
    assert sum(count[f"t{i}"] for i in range(3)) / 3 > 2 * sum(count.values()) / 15


def test_training_takes_parts_in_the_order_of_visits_and_knows_the_order() -> None:
    assert visited([(0, 3), (0, 3), (), (1, 2)]) == [0, 1, 3, 3, 0, 1]
    assert visited([(), ()]) == []
    data = groups([[1.0, 0.0]] * 6)
    some, other = (order_groups(data, "uniform", epochs=3, seed=seed) for seed in (0, 1))
    assert some["task_id"] == other["task_id"] and some["visits"] != other["visits"]
    assert fingerprint(some, "groups") != fingerprint(other, "groups") != fingerprint(data, "groups")


def test_teachers_of_groups_exist() -> None:
    assert set(get_args(GroupTeacher)) == TEACHERS.keys() - {"rps", "eps", "ttc", "alp-gmm"}


def test_bad_input_is_one_line() -> None:
    good = groups([[1.0, 0.0]] * 6)
    for data, teacher, said in (
        (good, "rekord", "teachers of groups are uniform, record, .*, not 'rekord'"),
        (good.remove_columns("task_id"), "sec", "have no column task_id: make them with soar.make_groups"),
        (groups([[1.0, float("nan")], [1.0, 0.0]]), "uniform", "task 't0' has the reward nan: leave out replies"),
        (groups([[1.0, 0.0]] * 3), "sec", "5 groups by difficulty, and there are 3: give more tasks, or take"),
        (groups([[1.2, 0.0]] * 6), "filter", "needs rewards scaled to"),
        (groups([[0.0, 0.0]] * 6), "uniform", "none of 6 groups .* nothing can be learnt; sample more"),
        (groups([[1.0, 0.0]] * 2).map(lambda row: {"task_id": "t"}), "uniform", "'t' comes twice"),
    ):
        with pytest.raises(CurriculumError, match=said):
            order_groups(data, teacher)  # type: ignore[arg-type]


def test_the_command_says_what_a_teacher_is_for(tmp_path: Path) -> None:
    groups([[1.0, 0.0]] * 6).save_to_disk(str(tmp_path / "groups"))
    given = ["train", str(tmp_path / "groups"), "--output", str(tmp_path / "adapter"), "--teacher"]
    for words, said in (
        (["sec"], "a teacher draws groups: train with --method grpo, or leave out --teacher sec"),
        (["rekord", "--method", "grpo"], "teachers of groups are uniform, record"),
    ):
        done = CliRunner().invoke(app, [*given, *words])
        assert isinstance(done.exception, SoarError) and said in str(done.exception)
    assert not (tmp_path / "adapter").exists()
