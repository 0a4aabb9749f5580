"""What a task is, and the laws of grading."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soar.tasks.task import Example, Task
from soar.tasks.values import Value, canonical_json, is_grid, matches, pixel_accuracy

grids = st.tuples(st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda size: st.lists(
        st.lists(st.integers(0, 9), min_size=size[1], max_size=size[1]), min_size=size[0], max_size=size[0]
    )
)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values: st.SearchStrategy[Value] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)
known = values.filter(lambda value: value is not None)
examples = st.builds(Example, values, known)
tests = st.builds(Example, values, values)
tasks = st.builds(
    Task,
    st.text(),
    st.lists(examples, min_size=1, max_size=3).map(tuple),
    st.lists(tests, min_size=1, max_size=2).map(tuple),
)


@given(values)
def test_a_value_matches_itself(value: Value) -> None:
    assert matches(copy.deepcopy(value), value)


@given(values, values)
def test_matching_is_symmetric_and_agrees_with_json(a: Value, b: Value) -> None:
    assert matches(a, b) == matches(b, a)
    if canonical_json(a) == canonical_json(b):
        assert matches(a, b)
    elif matches(a, b):  # -0.0 equals 0.0, the one number with two spellings
        assert canonical_json(a).replace("-0.0", "0.0") == canonical_json(b).replace("-0.0", "0.0")


@given(grids, st.data())
def test_one_changed_cell_is_wrong_and_costs_one_pixel(grid: list[list[int]], data: st.DataObject) -> None:
    wrong = copy.deepcopy(grid)
    r = data.draw(st.integers(0, len(grid) - 1))
    c = data.draw(st.integers(0, len(grid[0]) - 1))
    wrong[r][c] = (wrong[r][c] + data.draw(st.integers(1, 9))) % 10
    cells = len(grid) * len(grid[0])
    assert not matches(wrong, grid)
    assert pixel_accuracy(wrong, grid) == pytest.approx((cells - 1) / cells)
    assert pixel_accuracy(grid, grid) == 1.0


@pytest.mark.parametrize(
    "wrong", [[[True, 0]], [[1.0, 0]], [["1", 0]], [(1, 0)], ([1, 0],), [[1]], [[1, 0], [1]], 1, None]
)
def test_types_and_shapes_matter(wrong: Any) -> None:
    assert not matches(wrong, [[1, 0]])
    assert matches([[1, 0]], [[1, 0]])


def test_types_matter_outside_grids_too() -> None:
    assert not matches(True, 1)
    assert not matches(1.0, 1)
    assert not matches({"a": 1}, {"a": True})
    assert not matches({"a": 1}, {"b": 1})
    assert not matches(float("nan"), float("nan"))
    assert matches({"b": [1], "a": "x"}, {"a": "x", "b": [1]})


@given(grids, st.sampled_from(["int8", "uint8", "int64", "uint64", "float32", "float64", "longdouble", "object"]))
def test_numpy_arrays_count_as_ints(grid: list[list[int]], dtype: str) -> None:
    array = np.array(grid, dtype=dtype)
    assert matches(array, grid)
    assert matches(list(array), grid)  # a list of rows, each an array
    assert pixel_accuracy(array, grid) == 1.0


def test_numpy_booleans_count_as_ints_and_other_arrays_stay_what_they_are() -> None:
    assert matches(np.array([[True, False]]), [[1, 0]])
    assert not matches(np.array([[0.5, 1.0]]), [[0, 1]])
    assert matches(np.array([0.5, 1.0]), [0.5, 1.0])
    assert not matches(np.array([[np.nan]]), [[0]])
    assert not matches(np.array([[1 + 0j]]), [[1]])
    assert not matches(np.array(["2020-01-01"], dtype="datetime64[ns]"), [1577836800000000000])
    assert matches(np.array(["a"]), ["a"])
    assert matches([[np.int64(3)]], [[3]])
    assert matches(np.float64(1.5), 1.5)
    assert not matches(np.bool_(True), 1)


@pytest.mark.parametrize("predicted", [None, 5, "ab", [], [[]], [[1, 2]], [[1], [2]], [[1, 2], [3]], [1, 2], {"a": 1}])
def test_pixel_accuracy_is_zero_for_other_shapes(predicted: Any) -> None:
    assert pixel_accuracy(predicted, [[1, 2], [3, 4]]) == 0.0


def test_pixel_accuracy_needs_a_grid_to_compare_with() -> None:
    assert pixel_accuracy("abc", "abc") == 0.0
    assert pixel_accuracy([[1, 2], [3, True]], [[1, 0], [3, 1]]) == 0.5


@given(grids, grids)
def test_pixel_accuracy_of_grids_is_the_mean_over_cells(grid: list[list[int]], other: list[list[int]]) -> None:
    cells = [a == b for row, wanted in zip(other, grid, strict=False) for a, b in zip(row, wanted, strict=False)]
    same_shape = (len(grid), len(grid[0])) == (len(other), len(other[0]))
    assert pixel_accuracy(other, grid) == (sum(cells) / len(cells) if same_shape else 0.0)


@given(grids)
def test_grids_are_grids(grid: list[list[int]]) -> None:
    assert is_grid(grid)


@pytest.mark.parametrize(
    "value",
    [
        [],
        [[]],
        [[1], [1, 2]],
        [[10]],
        [[-1]],
        [[True]],
        [[1.0]],
        [1],
        "1",
        None,
        [[0] * 31],
        [[0]] * 31,
        [(1,)],
    ],
)
def test_other_values_are_no_grids(value: Any) -> None:
    assert not is_grid(value)


@given(tasks)
def test_json_round_trip_is_the_identity(task: Task) -> None:
    again = Task.from_json(task.id, json.loads(json.dumps(task.to_json())))
    assert again == task
    assert hash(again) == hash(task)
    assert again.to_json() == task.to_json()
    assert pickle.loads(pickle.dumps(task)) == task


@given(tasks)
def test_the_content_hash_ignores_the_id_and_the_answers(task: Task) -> None:
    hidden = task.without_test_outputs()
    assert all(example.output is None for example in hidden.test)
    assert hidden.train == task.train
    assert hidden.content_hash == task.content_hash
    assert Task("another id", task.train, task.test).content_hash == task.content_hash


def test_the_content_hash_sees_values_types_and_order() -> None:
    def digest(*pairs: tuple[Value, Value]) -> str:
        return Task("t", tuple(Example(*pair) for pair in pairs), (Example(0),)).content_hash

    variants = [
        digest((1, 2), (3, 4)),
        digest((3, 4), (1, 2)),
        digest((1, 2)),
        digest((True, 2)),
        digest((1.0, 2)),
    ]
    assert len(set(variants)) == len(variants)
    moved = Task("t", (Example(1, 2),), (Example(3),)).content_hash
    assert moved != digest((1, 2), (3, None))


def test_equal_means_equal_in_json() -> None:
    assert Example(1) != Example(True)
    assert Example([1], 2) == Example([1], 2)
    assert Task("t", (Example(1, 1),), ()) != Task("t", (Example(1, 1.0),), ())
    assert Task("t", (), (Example(1, 1),)) != Task("t", (), (Example(1, 2),))


def test_repr_says_what_it_is() -> None:
    square, wide = [[0, 1], [2, 3]], [[0, 1, 2]]
    task = Task("t", (Example(square, wide), Example(wide, wide)), (Example(square),))
    assert repr(task) == "Task('t', 2 train + 1 test, grids 1x2..2x3 -> 1x3)"
    assert repr(Task("s", (Example("ab", 2), Example("c", "x")), (Example("d"),))) == (
        "Task('s', 2 train + 1 test, str -> int | str)"
    )
    assert task.is_grid
    assert not Task("s", task.train, (Example("d"),)).is_grid
