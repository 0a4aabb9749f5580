"""Drawing lines, rays, diagonals and patterns. Only empty (zero) cells are covered, unless said."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from soar.grids._base import Array, as_grid, check_size, moved


def _seen(array: Array) -> tuple[Array, Array]:
    """For each cell the nearest non-zero colour to its left, and to its right (0 if none)."""
    index = np.maximum.accumulate(np.where(array != 0, np.arange(array.shape[1])[None], 0), axis=1)
    left = np.take_along_axis(array, index, 1)
    turned = array[:, ::-1]
    index = np.maximum.accumulate(np.where(turned != 0, np.arange(array.shape[1])[None], 0), axis=1)
    return left, np.take_along_axis(turned, index, 1)[:, ::-1]


def connect_h(grid: ArrayLike, color: int = 0) -> Array:
    """Zeros between two cells of one colour in a row get that colour (or `color` if given)."""
    array = as_grid(grid)
    left, right = _seen(array)
    return np.where((array == 0) & (left == right) & (left != 0), color or left, array)


def connect_v(grid: ArrayLike, color: int = 0) -> Array:
    """Zeros between two cells of one colour in a column get that colour (or `color` if given)."""
    return connect_h(as_grid(grid).T, color).T


def connect(grid: ArrayLike, color: int = 0) -> Array:
    """Cells of one colour in the same row or column are connected; rows are drawn over columns."""
    array = as_grid(grid)
    rows, cols = connect_h(array, color), connect_v(array, color)
    return np.where(rows != array, rows, cols)


def ray(grid: ArrayLike, a: int, dy: int, dx: int, color: int = 0) -> Array:
    """Every cell of colour a sends a ray in direction (dy, dx) until a non-zero cell, in its own colour or `color`."""
    array = as_grid(grid)
    out, front = array.copy(), (array == a) * 1
    for _ in range(max(array.shape)):
        front = moved(front, dy, dx) * (array == 0)
        if not front.any() or (dy == 0 and dx == 0):
            break
        out[front != 0] = color or a
    return out


def rays(grid: ArrayLike, dy: int, dx: int) -> Array:
    """Every non-zero cell sends a ray of its own colour in direction (dy, dx) until a non-zero cell."""
    array = as_grid(grid)
    out, front = array.copy(), array
    for _ in range(max(array.shape)):
        front = moved(front, dy, dx) * (array == 0)
        if not front.any() or (dy == 0 and dx == 0):
            break
        out = np.where(front != 0, front, out)
    return out


def beam(grid: ArrayLike, a: int, dy: int, dx: int, color: int = 0) -> Array:
    """As `ray`, but the ray goes on behind non-zero cells, to the border."""
    array = as_grid(grid)
    out, front = array.copy(), (array == a) * 1
    for _ in range(max(array.shape)):
        front = moved(front, dy, dx)
        if not front.any() or (dy == 0 and dx == 0):
            break
        out[(front != 0) & (array == 0)] = color or a
    return out


def fill_rows(grid: ArrayLike) -> Array:
    """In every row with a non-zero cell, the zeros get that row's greatest colour."""
    array = as_grid(grid)
    return np.where(array == 0, array.max(1, keepdims=True), array)


def fill_cols(grid: ArrayLike) -> Array:
    """In every column with a non-zero cell, the zeros get that column's greatest colour."""
    return fill_rows(as_grid(grid).T).T


def cross(grid: ArrayLike, a: int, color: int = 0) -> Array:
    """Lines through every cell of colour a along its row and column, in that colour or `color`, on zeros."""
    array = as_grid(grid)
    mask = array == a
    lines = mask.any(1)[:, None] | mask.any(0)[None]
    return np.where((array == 0) & lines, color or a, array)


def cross_x(grid: ArrayLike, a: int, color: int = 0) -> Array:
    """Diagonal lines through every cell of colour a, in that colour or `color`, on zeros."""
    array = as_grid(grid)
    ys, xs = (array == a).nonzero()
    y, x = np.indices(array.shape)
    lines = np.isin(y - x, ys - xs) | np.isin(y + x, ys + xs)
    return np.where((array == 0) & lines, color or a, array)


def row_lines(grid: ArrayLike, a: int, color: int = 0) -> Array:
    """A line along the row of every cell of colour a, in that colour or `color`, on zeros."""
    array = as_grid(grid)
    return np.where((array == 0) & (array == a).any(1)[:, None], color or a, array)


def col_lines(grid: ArrayLike, a: int, color: int = 0) -> Array:
    """A line along the column of every cell of colour a, in that colour or `color`, on zeros."""
    array = as_grid(grid)
    return np.where((array == 0) & (array == a).any(0)[None], color or a, array)


def diagonal(grid: ArrayLike, color: int) -> Array:
    """Zeros on the diagonal from the top left corner get `color`."""
    array = as_grid(grid)
    y, x = np.indices(array.shape)
    return np.where((array == 0) & (y == x), color, array)


def anti_diagonal(grid: ArrayLike, color: int) -> Array:
    """Zeros on the diagonal from the top right corner get `color`."""
    return diagonal(as_grid(grid)[:, ::-1], color)[:, ::-1]


def stairs(grid: ArrayLike, n: int) -> Array:
    """n rows made of the first one: its run of non-zero cells from the left grows by one cell in each row."""
    row = as_grid(grid)[0]
    check_size(n, len(row))
    length = int(np.count_nonzero(row))
    y, x = np.indices((n, len(row)))
    return np.where(x < length + y, row[0], 0)


def rings(grid: ArrayLike, a: int, b: int) -> Array:
    """A grid of the same shape made of nested rings, colour a outside, then b, and so on in turns."""
    height, width = as_grid(grid).shape
    y, x = np.indices((height, width))
    depth = np.minimum(np.minimum(y, height - 1 - y), np.minimum(x, width - 1 - x))
    return np.where(depth % 2 == 0, a, b)


def checker(grid: ArrayLike, color: int) -> Array:
    """Every second cell, as on a chess board and beginning with the second one, gets `color`, on zeros."""
    array = as_grid(grid)
    y, x = np.indices(array.shape)
    return np.where((array == 0) & ((y + x) % 2 == 1), color, array)


def stamp(grid: ArrayLike, a: int, pattern: ArrayLike) -> Array:
    """The pattern is laid with its middle on every cell of colour a; its zeros are transparent."""
    array, item = as_grid(grid), as_grid(pattern)
    height, width = item.shape
    out = np.pad(array, max(height, width))
    for y, x in np.argwhere(out == a) - (np.array(item.shape) // 2):
        view = out[y : y + height, x : x + width]
        view[item != 0] = item[item != 0]
    edge_width = max(height, width)
    return out[edge_width:-edge_width, edge_width:-edge_width]
