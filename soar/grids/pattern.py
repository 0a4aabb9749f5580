"""Patterns: symmetry, repetition, noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from soar.grids._base import Array, Mask, as_grid, check_size


def _mirror_fill(array: Array, known: Mask) -> tuple[Array, Mask]:
    """Fill unknown cells by a left-right mirror; the axis nearest to the middle that contradicts nothing."""
    width = array.shape[1]
    for offset in sorted(range(-(width // 3), width // 3 + 1), key=abs):
        total = width - 1 + offset
        left, right = max(0, total - width + 1), min(width - 1, total)
        part, seen = array[:, left : right + 1], known[:, left : right + 1]
        both = seen & seen[:, ::-1]
        if both.any() and (part[both] == part[:, ::-1][both]).all() and (~both).sum() < both.sum():
            array, known = array.copy(), known.copy()
            use = ~seen & seen[:, ::-1]
            array[:, left : right + 1] = np.where(use, part[:, ::-1], part)
            known[:, left : right + 1] = seen | use
            break
    return array, known


def complete(grid: ArrayLike, hole: int = 0) -> Array:
    """Fill the cells of colour `hole` by the grid's mirror symmetry: left-right, top-bottom, diagonal.

    The axes need not be in the middle. Cells that no mirror reaches stay as they are.
    """
    array = as_grid(grid)
    known = array != hole
    for _ in range(2):
        array, known = _mirror_fill(array, known)
        turned, seen = _mirror_fill(array.T, known.T)
        array, known = turned.T, seen.T
        if known.all():
            break
        if array.shape[0] == array.shape[1]:
            both = known & known.T
            if (array[both] == array.T[both]).all():
                array, known = np.where(known, array, np.where(known.T, array.T, array)), known | known.T
    return array


def patch(grid: ArrayLike, hole: int) -> Array:
    """What `complete` puts into the bounding box of the cells of colour `hole`; a copy if there are none."""
    array = as_grid(grid)
    ys, xs = (array == hole).nonzero()
    if not len(ys):
        return array
    return complete(array, hole)[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]


def sym_h(grid: ArrayLike) -> Array:
    """Zeros take the colour of their left-right mirror cell."""
    array = as_grid(grid)
    return np.where(array == 0, array[:, ::-1], array)


def sym_v(grid: ArrayLike) -> Array:
    """Zeros take the colour of their top-bottom mirror cell."""
    array = as_grid(grid)
    return np.where(array == 0, array[::-1], array)


def sym4(grid: ArrayLike) -> Array:
    """Zeros take the colour of their mirror cells: left-right, then top-bottom."""
    return sym_v(sym_h(grid))


def sym_rot(grid: ArrayLike) -> Array:
    """Zeros of a square grid take the colour of the cells a quarter turn away, until all four turns agree."""
    array = as_grid(grid)
    if array.shape[0] != array.shape[1]:
        raise ValueError("sym_rot needs a square grid")
    for _ in range(3):
        array = np.where(array == 0, array.T[:, ::-1], array)
    return array


def _classes(array: Array, known: Mask, py: int, px: int) -> Array | None:
    """The tile of py x px that repeats over the whole array, or None if the known cells contradict it."""
    height, width = array.shape
    ny, nx = -(-height // py), -(-width // px)
    low = np.full((ny * py, nx * px), 99, dtype=np.int64)
    high = np.full((ny * py, nx * px), -1, dtype=np.int64)
    low[:height, :width] = np.where(known, array, 99)
    high[:height, :width] = np.where(known, array, -1)
    bottom = low.reshape(ny, py, nx, px).min((0, 2))
    top = high.reshape(ny, py, nx, px).max((0, 2))
    return bottom if (bottom == top).all() else None


def _find_tile(array: Array, known: Mask) -> Array | None:
    height, width = array.shape
    options = [
        (py, px)
        for py in (*range(1, height // 2 + 1), height)
        for px in (*range(1, width // 2 + 1), width)
        if py * px < height * width
    ]
    found = (_classes(array, known, py, px) for py, px in sorted(set(options), key=lambda p: p[0] * p[1]))
    return next((item for item in found if item is not None), None)


def untile(grid: ArrayLike) -> Array:
    """The smallest tile whose repetition makes the grid (the last copies may be cut); a copy if there is none."""
    array = as_grid(grid)
    found = _find_tile(array, np.ones(array.shape, dtype=bool))
    return array if found is None else found


def fill_tiles(grid: ArrayLike, hole: int = 0) -> Array:
    """Fill the cells of colour `hole` by the smallest repeating tile that explains the rest; a copy if none does."""
    array = as_grid(grid)
    found = _find_tile(array, array != hole)
    if found is None:
        return array
    y, x = np.indices(array.shape)
    return as_grid(found[y % found.shape[0], x % found.shape[1]])


def _row_period(array: Array) -> int:
    height = array.shape[0]
    return next((p for p in range(1, height) if np.array_equal(array[p:], array[:-p])), height)


def extend_down(grid: ArrayLike, n: int) -> Array:
    """n more rows below, going on with the pattern of rows."""
    array = as_grid(grid)
    height = array.shape[0]
    check_size(height + n, array.shape[1])
    period = _row_period(array)
    rows = np.arange(height + n)
    return array[np.where(rows < height, rows, rows % period)]


def extend_right(grid: ArrayLike, n: int) -> Array:
    """n more columns on the right, going on with the pattern of columns."""
    return extend_down(as_grid(grid).T, n).T


def repeat_down(grid: ArrayLike) -> Array:
    """The rows up to the last one that is not empty repeat downwards over the empty rest."""
    array = as_grid(grid)
    filled = np.flatnonzero(array.any(1))
    if not len(filled):
        return array
    start = array[: filled[-1] + 1]
    return start[np.arange(array.shape[0]) % _row_period(start)]


def repeat_right(grid: ArrayLike) -> Array:
    """The columns up to the last one that is not empty repeat to the right over the empty rest."""
    return repeat_down(as_grid(grid).T).T


def fill_diagonals(grid: ArrayLike) -> Array:
    """Fill zeros so that colours are constant along diagonals and come back periodically; a copy if impossible."""
    array = as_grid(grid)
    y, x = np.indices(array.shape)
    known = array != 0
    for period in range(2, 10):
        for index in (np.asarray((y + x) % period), np.asarray((y - x) % period)):
            table: Array = np.zeros(period, dtype=np.int64)
            table[index[known]] = array[known]
            if table.all() and (table[index][known] == array[known]).all():
                return as_grid(table[index])
    return array


def _neighbours(array: Array) -> Array:
    """For colours 0-9, how many of the eight neighbours have each: shape (10, height, width)."""
    height, width = array.shape
    padded = np.pad(array, 1, constant_values=-1)
    around = [padded[dy : dy + height, dx : dx + width] for dy in range(3) for dx in range(3) if (dy, dx) != (1, 1)]
    equal = np.array(around)[None] == np.arange(10)[:, None, None, None]
    return np.asarray(equal.sum(1), dtype=np.int64)


def denoise(grid: ArrayLike) -> Array:
    """A cell with no neighbour (of eight) of its own colour takes the most frequent colour around it."""
    array = as_grid(grid)
    counts = _neighbours(array)
    alone = np.take_along_axis(counts, array[None], 0)[0] == 0
    return np.where(alone, counts.argmax(0), array)


def noise_free(grid: ArrayLike, color: int) -> Array:
    """Cells of `color` take the most frequent other colour among their eight neighbours."""
    array = as_grid(grid)
    counts = _neighbours(array)
    counts[color] = -1
    return np.where(array == color, counts.argmax(0), array)
