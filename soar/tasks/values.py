"""Values that programs are given and give back: what a grid is, and when an answer is right."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from itertools import chain, repeat
from operator import eq
from typing import Any, TypeAlias, TypeGuard

Grid: TypeAlias = list[list[int]]
# Lists and dicts in fact; Sequence and Mapping let a type checker take a list of ints for a list of values.
Value: TypeAlias = "bool | int | float | str | Sequence[Value] | Mapping[str, Value] | None"

MAX_SIDE = 30  # the largest grid side in ARC
COLOURS = 10


def canonical_json(value: object) -> str:
    """The one JSON text of a value: sorted keys, no spaces; 1, 1.0 and true stay apart.

    Raises ValueError for NaN and infinities, which JSON cannot hold."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def is_grid(value: object) -> TypeGuard[Grid]:
    """Whether a value is a grid: a list of 1 to 30 equally long rows of 1 to 30 ints (not bools) in 0..9."""
    if type(value) is not list or not 1 <= len(value) <= MAX_SIDE:
        return False
    if not all(type(row) is list and len(row) == len(value[0]) for row in value):
        return False
    if not 1 <= len(value[0]) <= MAX_SIDE:
        return False
    return all(set(map(type, row)) == {int} and min(row) >= 0 and max(row) < COLOURS for row in value)


def as_grid(value: Value) -> Value:
    """The grid that a value is but for the types of its numbers: `[[1, 1]]` for `[[1.0, True]]`; else the value itself.

    Where grids are asked for, a program that returns `[[cell / 1 for cell in row] for row in grid]` is right."""
    if is_grid(value) or type(value) is not list or not 1 <= len(value) <= MAX_SIDE:
        return value
    if not all(type(row) is list and len(row) <= MAX_SIDE and all(map(_is_integral, row)) for row in value):
        return value
    grid = [[int(cell) for cell in row] for row in value]
    return grid if is_grid(grid) else value


def _is_integral(value: object) -> bool:
    return type(value) is int or type(value) is bool or (type(value) is float and value.is_integer())


def matches(predicted: object, expected: object, tolerance: float | None = None) -> bool:
    """Whether an answer is exactly right, types included: True, 1 and 1.0 differ; a tuple is no list.

    With a tolerance, numbers are numbers, wherever they stand: 2 and 2.0 are equal, and so are a and b where
    |a - b| <= tolerance * max(1, |a|, |b|). True is no number.

    A numpy array counts as nested lists, its booleans and, where all are integral, its floats as ints: a
    program that returns `np.zeros((3, 3))` is not wrong for its dtype. A numpy scalar counts as its Python
    value."""
    if hasattr(predicted, "dtype") or hasattr(expected, "dtype"):
        if not (_is_plain_dtype(predicted) and _is_plain_dtype(expected)):
            return False
        return matches(from_numpy(predicted), from_numpy(expected), tolerance)
    if tolerance is not None and type(predicted) in (int, float) and type(expected) in (int, float):
        return _is_close(predicted, expected, tolerance)  # type: ignore[arg-type]
    if type(predicted) is not type(expected):
        return False
    if isinstance(predicted, list) and isinstance(expected, list):
        return len(predicted) == len(expected) and all(map(matches, predicted, expected, repeat(tolerance)))
    if isinstance(predicted, dict) and isinstance(expected, dict):
        same_keys = predicted.keys() == expected.keys()
        return same_keys and all(matches(value, expected[key], tolerance) for key, value in predicted.items())
    return bool(predicted == expected)


def _is_close(a: float, b: float, tolerance: float) -> bool:
    size = max(1, abs(a), abs(b))
    if a == b or size > sys.float_info.max / 4:  # an int too large for a float is near no other number
        return a == b
    return abs(a - b) <= tolerance * size


def pixel_accuracy(predicted: object, expected: object) -> float:
    """The fraction of cells that are equal, 0.0 to 1.0.

    0.0 where the shapes differ, a row is ragged, or `expected` is no grid: other values have no pixels."""
    predicted, expected = from_numpy(predicted), from_numpy(expected)
    if is_grid(predicted) and is_grid(expected):
        return _share_of_cells(predicted, expected)
    if not is_grid(expected) or type(predicted) is not list or not isinstance(expected, list):
        return 0.0
    rows = [from_numpy(row) for row in predicted]
    if [len(row) if type(row) is list else -1 for row in rows] != [len(row) for row in expected]:
        return 0.0
    equal = [same for row, wanted in zip(rows, expected, strict=True) for same in map(matches, row, wanted)]
    return sum(equal) / len(equal)


def _share_of_cells(predicted: Grid, expected: Grid) -> float:
    if (len(predicted), len(predicted[0])) != (len(expected), len(expected[0])):
        return 0.0
    equal: int = sum(map(eq, chain(*predicted), chain(*expected)))
    return equal / (len(expected) * len(expected[0]))


def _is_plain_dtype(value: object) -> bool:
    """No array, or one of booleans, ints, floats, text or objects: no dates, records, complex numbers."""
    dtype = getattr(value, "dtype", None)
    return dtype is None or getattr(dtype, "kind", "") in set("biufUO")


def from_numpy(value: Any) -> Any:
    """A numpy array as nested lists, a scalar as its Python value, as `matches` counts them."""
    if not hasattr(value, "dtype") or not _is_plain_dtype(value):
        return value
    kind = value.dtype.kind
    if kind == "f":
        value = value.astype("float64")  # longdouble has no Python value of its own
        # Below 2**53 a float64 holds every int exactly; NaN and infinity fail the comparison.
        if value.ndim and bool(((abs(value) < 2**53) & (value % 1 == 0)).all()):
            value = value.astype("int64")
    elif kind == "b" and value.ndim:
        value = value.astype("int64")
    return value.tolist()
