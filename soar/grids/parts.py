"""Parts of a grid, split by lines or into equal pieces, and the logic between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from soar.grids._base import Array, Mask, as_grid
from soar.grids.colour import most_common, n_cells, n_colors


def _lines(array: Array) -> tuple[Array, Array]:
    """Indices of the separating rows and columns: lines of two cells or more, all of one colour that is not 0."""
    full_rows = (array == array[:, :1]).all(1) & (array[:, 0] != 0) & (array.shape[1] > 1)
    full_cols = (array == array[:1]).all(0) & (array[0] != 0) & (array.shape[0] > 1)
    found = [*array[full_rows, 0], *array[0, full_cols]]
    if not found:
        return np.arange(0), np.arange(0)
    color = Counter(found).most_common(1)[0][0]
    return (full_rows & (array[:, 0] == color)).nonzero()[0], (full_cols & (array[0] == color)).nonzero()[0]


def _spans(lines: Array, length: int) -> list[slice]:
    edges = [-1, *lines.tolist(), length]
    return [slice(a + 1, b) for a, b in pairwise(edges) if b > a + 1]


def separator(grid: ArrayLike) -> int:
    """The colour of the separating lines; 0 if there are none."""
    array = as_grid(grid)
    rows, cols = _lines(array)
    return int(array[rows[0], 0]) if len(rows) else int(array[0, cols[0]]) if len(cols) else 0


def split(grid: ArrayLike) -> list[Array]:
    """The parts between full lines of one colour, in reading order; [the grid] if there are no lines."""
    array = as_grid(grid)
    rows, cols = _lines(array)
    spans = [(y, x) for y in _spans(rows, array.shape[0]) for x in _spans(cols, array.shape[1])]
    return [array[y, x].copy() for y, x in spans] or [array]


def split_h(grid: ArrayLike, n: int = 2) -> list[Array]:
    """n parts of equal width, left to right; columns too many are dropped from the right."""
    array = as_grid(grid)
    width = array.shape[1] // n
    if width < 1:
        raise ValueError(f"{array.shape[1]} columns cannot be split into {n} parts")
    return [array[:, i * width : (i + 1) * width].copy() for i in range(n)]


def split_v(grid: ArrayLike, n: int = 2) -> list[Array]:
    """n parts of equal height, top to bottom; rows too many are dropped from the bottom."""
    return [part.T for part in split_h(as_grid(grid).T, n)]


def remove_lines(grid: ArrayLike) -> Array:
    """The grid without its separating lines."""
    array = as_grid(grid)
    rows, cols = _lines(array)
    if len(rows) == array.shape[0] or len(cols) == array.shape[1]:
        return array
    return np.delete(np.delete(array, rows, 0), cols, 1)


def summary(grid: ArrayLike) -> Array:
    """One cell for each part between the lines: its most frequent colour other than 0."""
    array = as_grid(grid)
    rows, cols = _lines(array)
    ys, xs = _spans(rows, array.shape[0]), _spans(cols, array.shape[1])
    if not ys or not xs:
        return array
    return np.array([[most_common(array[y, x]) for x in xs] for y in ys])


def fill_parts(grid: ArrayLike) -> Array:
    """Every part between the lines is filled with its most frequent colour other than 0."""
    array = as_grid(grid)
    rows, cols = _lines(array)
    for y in _spans(rows, array.shape[0]):
        for x in _spans(cols, array.shape[1]):
            array[y, x] = most_common(array[y, x])
    return array


def keep_fullest(grid: ArrayLike) -> Array:
    """Of the parts between the lines only those with most cells stay; the others are emptied."""
    array = as_grid(grid)
    rows, cols = _lines(array)
    spans = [(y, x) for y in _spans(rows, array.shape[0]) for x in _spans(cols, array.shape[1])]
    filled = [n_cells(array[span]) for span in spans]
    for span, cells in zip(spans, filled, strict=True):
        if cells < max(filled):
            array[span] = 0
    return array


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[Mask, Mask]:
    """Where each is non-zero; ValueError if their shapes differ."""
    first, second = as_grid(a) != 0, as_grid(b) != 0
    if first.shape != second.shape:
        raise ValueError(f"grids of one shape are needed, not {first.shape} and {second.shape}")
    return first, second


def and_(a: ArrayLike, b: ArrayLike, color: int) -> Array:
    """`color` where both are non-zero, 0 elsewhere."""
    first, second = _pair(a, b)
    return np.where(first & second, color, 0)


def or_(a: ArrayLike, b: ArrayLike, color: int) -> Array:
    """`color` where at least one is non-zero, 0 elsewhere."""
    first, second = _pair(a, b)
    return np.where(first | second, color, 0)


def xor(a: ArrayLike, b: ArrayLike, color: int) -> Array:
    """`color` where exactly one is non-zero, 0 elsewhere."""
    first, second = _pair(a, b)
    return np.where(first ^ second, color, 0)


def nor(a: ArrayLike, b: ArrayLike, color: int) -> Array:
    """`color` where both are zero, 0 elsewhere."""
    first, second = _pair(a, b)
    return np.where(~(first | second), color, 0)


def minus(a: ArrayLike, b: ArrayLike, color: int) -> Array:
    """`color` where a is non-zero and b is zero, 0 elsewhere."""
    first, second = _pair(a, b)
    return np.where(first & ~second, color, 0)


def same(a: ArrayLike, b: ArrayLike) -> Array:
    """The cells in which both agree, 0 where they differ."""
    _pair(a, b)
    return np.where(as_grid(a) == as_grid(b), as_grid(a), 0)


def overlay(*grids: ArrayLike) -> Array:
    """Grids of one shape laid on each other, the first on top; zeros are transparent."""
    out = as_grid(grids[0])
    for grid in grids[1:]:
        _pair(out, grid)
        out = np.where(out == 0, as_grid(grid), out)
    return out


def fullest(parts: Sequence[ArrayLike]) -> Array:
    """The part with most non-zero cells (the first of equals)."""
    return as_grid(max(parts, key=n_cells))


def emptiest(parts: Sequence[ArrayLike]) -> Array:
    """The part with fewest non-zero cells (the first of equals)."""
    return as_grid(min(parts, key=n_cells))


def most_colorful(parts: Sequence[ArrayLike]) -> Array:
    """The part with most colours (the first of equals)."""
    return as_grid(max(parts, key=n_colors))


def _frequency(parts: Sequence[ArrayLike], shape_only: bool) -> list[int]:
    arrays = [as_grid(part) for part in parts]
    keys = [(a.shape, (a != 0 if shape_only else a).tobytes()) for a in arrays]
    counts = Counter(keys)
    return [counts[key] for key in keys]


def odd_part(parts: Sequence[ArrayLike]) -> Array:
    """The part that occurs least often (the first of equals)."""
    frequency = _frequency(parts, shape_only=False)
    return as_grid(parts[frequency.index(min(frequency))])


def common_part(parts: Sequence[ArrayLike]) -> Array:
    """The part that occurs most often (the first of equals)."""
    frequency = _frequency(parts, shape_only=False)
    return as_grid(parts[frequency.index(max(frequency))])


def odd_shape(parts: Sequence[ArrayLike]) -> Array:
    """The part whose shape, whatever its colours, occurs least often (the first of equals)."""
    frequency = _frequency(parts, shape_only=True)
    return as_grid(parts[frequency.index(min(frequency))])


def symmetric_part(parts: Sequence[ArrayLike]) -> Array:
    """The first part that equals its left-right mirror image; the first of all if none does."""
    arrays = [as_grid(part) for part in parts]
    return next((a for a in arrays if (a == a[:, ::-1]).all()), arrays[0])


def asymmetric_part(parts: Sequence[ArrayLike]) -> Array:
    """The first part that differs from its left-right mirror image; the first of all if none does."""
    arrays = [as_grid(part) for part in parts]
    return next((a for a in arrays if (a != a[:, ::-1]).any()), arrays[0])


def majority(parts: Sequence[ArrayLike]) -> Array:
    """In every cell the colour that most of the parts, all of one shape, have there (ties: smaller)."""
    stack = np.array([as_grid(part) for part in parts])
    votes = np.array([(stack == color).sum(0) for color in range(10)])
    return as_grid(votes.argmax(0))
