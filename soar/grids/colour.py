"""Colours: counting, choosing, replacing and sorting them. Colour 0 is the empty background."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from soar.grids._base import Array, as_grid, check_size


def _counts(grid: ArrayLike) -> Array:
    return np.bincount(as_grid(grid).ravel(), minlength=10)


def recolor(grid: ArrayLike, a: int, b: int) -> Array:
    """Colour a becomes b."""
    array = as_grid(grid)
    array[array == a] = b
    return array


def swap(grid: ArrayLike, a: int, b: int) -> Array:
    """Colours a and b change places."""
    array = as_grid(grid)
    return np.where(array == a, b, np.where(array == b, a, array))


def map_colors(grid: ArrayLike, mapping: dict[int, int]) -> Array:
    """All colours replaced at once by a dict old: new; others stay."""
    array = as_grid(grid)
    out = array.copy()
    for old, new in mapping.items():
        out[array == old] = new
    return out


def colors(grid: ArrayLike) -> list[int]:
    """The colours other than 0, ascending."""
    return [int(color) for color in _counts(grid).nonzero()[0] if color]


def by_count(grid: ArrayLike) -> list[int]:
    """The colours other than 0, most frequent first (ties: smaller first)."""
    counts = _counts(grid)
    return sorted(colors(grid), key=lambda color: (-counts[color], color))


def most_common(grid: ArrayLike) -> int:
    """The most frequent colour other than 0; 0 if there is none."""
    counts = _counts(grid)
    counts[0] = 0
    return int(counts.argmax())


def least_common(grid: ArrayLike) -> int:
    """The least frequent colour other than 0 (ties: smaller); 0 if there is none."""
    counts = _counts(grid)
    counts[0] = 0
    return int(np.where(counts > 0, counts, counts.max() + 1).argmin()) if counts.any() else 0


def background(grid: ArrayLike) -> int:
    """The most frequent colour, 0 included."""
    return int(_counts(grid).argmax())


def count(grid: ArrayLike, color: int) -> int:
    """Number of cells with `color`."""
    return int((as_grid(grid) == color).sum())


def n_colors(grid: ArrayLike) -> int:
    """Number of colours other than 0."""
    return len(colors(grid))


def n_cells(grid: ArrayLike) -> int:
    """Number of cells that are not 0."""
    return int(np.count_nonzero(as_grid(grid)))


def keep_color(grid: ArrayLike, color: int) -> Array:
    """All other colours become 0."""
    array = as_grid(grid)
    array[array != color] = 0
    return array


def remove_color(grid: ArrayLike, color: int) -> Array:
    """This colour becomes 0."""
    return recolor(grid, color, 0)


def paint(grid: ArrayLike, color: int) -> Array:
    """Every non-zero cell becomes `color`."""
    array = as_grid(grid)
    array[array != 0] = color
    return array


def fill_bg(grid: ArrayLike, color: int) -> Array:
    """Every zero becomes `color`."""
    return recolor(grid, 0, color)


def invert(grid: ArrayLike) -> Array:
    """Zeros become the most frequent other colour, all else becomes 0."""
    array = as_grid(grid)
    return np.where(array == 0, most_common(array), 0)


def full(grid: ArrayLike, color: int) -> Array:
    """A grid of the same shape, all `color`."""
    return np.full_like(as_grid(grid), color)


def rank_colors(grid: ArrayLike) -> Array:
    """The most frequent colour (not 0) becomes 1, the next 2, and so on."""
    return map_colors(grid, {color: i + 1 for i, color in enumerate(by_count(grid))})


def reverse_colors(grid: ArrayLike) -> Array:
    """The colours in ascending order take each other's places from the ends: first with last, and so on."""
    found = colors(grid)
    return map_colors(grid, dict(zip(found, found[::-1], strict=True)))


def cycle_colors(grid: ArrayLike) -> Array:
    """Each colour becomes the next greater one present, the greatest the smallest."""
    found = colors(grid)
    return map_colors(grid, dict(zip(found, found[1:] + found[:1], strict=True)))


def color_list(grid: ArrayLike) -> Array:
    """A column of the colours other than 0, most frequent first; a single 0 if there is none."""
    return np.array(by_count(grid) or [0], dtype=np.int64)[:, None]


def histogram(grid: ArrayLike) -> Array:
    """One row per colour, most frequent first: as many cells as the colour has, from the left, then zeros."""
    counts, order = _counts(grid), by_count(grid)
    if not order:
        return np.zeros((1, 1), dtype=np.int64)
    check_size(len(order), int(counts[order].max()))
    lengths = counts[order][:, None]
    return np.where(np.arange(lengths.max())[None] < lengths, np.array(order)[:, None], 0)


def sort_rows(grid: ArrayLike) -> Array:
    """Rows in order of their number of non-zero cells, fewest first; equal ones keep their order."""
    array = as_grid(grid)
    return array[np.argsort((array != 0).sum(1), kind="stable")]


def sort_cols(grid: ArrayLike) -> Array:
    """Columns in order of their number of non-zero cells, fewest first; equal ones keep their order."""
    return sort_rows(as_grid(grid).T).T


def fall_down(grid: ArrayLike) -> Array:
    """Every non-zero cell falls down as far as it can."""
    array = as_grid(grid)
    return np.take_along_axis(array, np.argsort(array != 0, axis=0, kind="stable"), 0)


def fall_up(grid: ArrayLike) -> Array:
    """Every non-zero cell rises as far as it can."""
    return fall_down(as_grid(grid)[::-1])[::-1]


def fall_right(grid: ArrayLike) -> Array:
    """Every non-zero cell moves to the right as far as it can."""
    return fall_down(as_grid(grid).T).T


def fall_left(grid: ArrayLike) -> Array:
    """Every non-zero cell moves to the left as far as it can."""
    return fall_up(as_grid(grid).T).T


def bar(n: int, color: int, width: int = 0) -> Array:
    """One row: n cells of `color`, then zeros up to `width` (n is cut to `width` if that is given)."""
    length = width or n
    check_size(1, length)
    return np.where(np.arange(length)[None] < n, color, 0)


def diag_bar(n: int, color: int) -> Array:
    """An n x n grid with `color` on its main diagonal."""
    check_size(n, n)
    return np.eye(n, dtype=np.int64) * color


def count_grid(n: int, color: int, side: int = 3) -> Array:
    """A side x side grid whose first n cells in reading order have `color`."""
    check_size(side, side)
    return np.where(np.arange(side * side).reshape(side, side) < n, color, 0)
