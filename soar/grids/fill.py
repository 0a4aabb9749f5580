"""Filling, outlining and growing. Only empty (zero) cells are covered, unless said."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from soar.grids._base import Array, Mask, as_grid, boxes_of, components, enclosed, label, moved

_PLUS = ((-1, 0), (0, -1), (0, 1), (1, 0))
_DIAG = ((-1, -1), (-1, 1), (1, -1), (1, 1))


def _near(mask: Mask, steps: tuple[tuple[int, int], ...]) -> Mask:
    height, width = mask.shape
    padded = np.zeros((height + 2, width + 2), dtype=bool)
    padded[1:-1, 1:-1] = mask
    out = np.zeros_like(mask)
    for dy, dx in steps:
        out |= padded[1 - dy : 1 - dy + height, 1 - dx : 1 - dx + width]
    return out


def fill_holes(grid: ArrayLike, color: int) -> Array:
    """Zeros that are enclosed (no way of side-by-side zeros to the border) get `color`."""
    array = as_grid(grid)
    array[enclosed(array == 0)] = color
    return array


def fill_outside(grid: ArrayLike, color: int) -> Array:
    """Zeros from which a way of side-by-side zeros leads to the border get `color`."""
    array = as_grid(grid)
    array[(array == 0) & ~enclosed(array == 0)] = color
    return array


def fill_squares(grid: ArrayLike, color: int) -> Array:
    """Enclosed areas of zeros that are full squares get `color`."""
    array = as_grid(grid)
    labels, _ = components(enclosed(array == 0), diag=False)
    for i, box in enumerate(boxes_of(labels)):
        area = labels[box] == i + 1
        if area.shape[0] == area.shape[1] and area.all():
            array[box] = color
    return array


def flood(grid: ArrayLike, y: int, x: int, color: int) -> Array:
    """The area of side-by-side cells of one colour around (y, x) gets `color`; ValueError outside the grid."""
    array = as_grid(grid)
    if not (abs(y) < array.shape[0] and abs(x) < array.shape[1]):
        raise ValueError(f"({y}, {x}) is outside a grid of shape {array.shape}")
    labels, _ = components(array == array[y, x], diag=False)
    array[labels == labels[y, x]] = color
    return array


def halo(grid: ArrayLike, color: int) -> Array:
    """Zeros that touch a non-zero cell, corners included, get `color`."""
    array = as_grid(grid)
    return np.where((array == 0) & _near(array != 0, _PLUS + _DIAG), color, array)


def halo4(grid: ArrayLike, color: int) -> Array:
    """Zeros with a non-zero cell directly above, below, left or right get `color`."""
    array = as_grid(grid)
    return np.where((array == 0) & _near(array != 0, _PLUS), color, array)


def around(grid: ArrayLike, a: int, color: int) -> Array:
    """Zeros that touch a cell of colour a, corners included, get `color`."""
    array = as_grid(grid)
    return np.where((array == 0) & _near(array == a, _PLUS + _DIAG), color, array)


def plus(grid: ArrayLike, a: int, color: int) -> Array:
    """Zeros directly above, below, left or right of a cell of colour a get `color`."""
    array = as_grid(grid)
    return np.where((array == 0) & _near(array == a, _PLUS), color, array)


def diag4(grid: ArrayLike, a: int, color: int) -> Array:
    """Zeros diagonally next to a cell of colour a get `color`."""
    array = as_grid(grid)
    return np.where((array == 0) & _near(array == a, _DIAG), color, array)


def grow(grid: ArrayLike) -> Array:
    """Every object grows by one cell in all eight directions (where two meet, the greater colour)."""
    array = as_grid(grid)
    near = np.max([moved(array, dy, dx) for dy, dx in _PLUS + _DIAG], axis=0)
    return np.where(array == 0, near, array)


def grow4(grid: ArrayLike) -> Array:
    """Every object grows by one cell up, down, left and right (where two meet, the greater colour)."""
    array = as_grid(grid)
    near = np.max([moved(array, dy, dx) for dy, dx in _PLUS], axis=0)
    return np.where(array == 0, near, array)


def _inside(array: Array) -> Mask:
    outside: Mask = np.pad(array == 0, 1, constant_values=True)
    return np.asarray((array != 0) & ~_near(outside, _PLUS + _DIAG)[1:-1, 1:-1])


def hollow(grid: ArrayLike) -> Array:
    """Cells all of whose eight neighbours are non-zero become 0: the outlines remain."""
    return inner(grid, 0)


def inner(grid: ArrayLike, color: int) -> Array:
    """Cells all of whose eight neighbours are non-zero get `color`."""
    array = as_grid(grid)
    return np.where(_inside(array), color, array)


def edge(grid: ArrayLike, color: int) -> Array:
    """Non-zero cells with a zero, or the world outside, among their eight neighbours get `color`."""
    array = as_grid(grid)
    return np.where((array != 0) & ~_inside(array), color, array)


def border(grid: ArrayLike, color: int) -> Array:
    """The outermost cells of the grid get `color`, whatever they were."""
    array = as_grid(grid)
    array[[0, -1]] = color
    array[:, [0, -1]] = color
    return array


def boxes(grid: ArrayLike, color: int) -> Array:
    """Zeros in the bounding box of each object get `color`."""
    array = as_grid(grid)
    out = array.copy()
    for box in boxes_of(label(array)[0]):
        out[box] = np.where(out[box] == 0, color, out[box])
    return out


def box_frames(grid: ArrayLike, color: int) -> Array:
    """A rectangle of `color` is drawn one cell outside the bounding box of each object, on zeros."""
    array = as_grid(grid)
    out = np.pad(array, 1)
    for rows, cols in boxes_of(label(array, multi=True)[0]):
        view = out[rows.start : rows.stop + 2, cols.start : cols.stop + 2]
        ring = np.ones(view.shape, dtype=bool)
        ring[1:-1, 1:-1] = False
        view[ring & (view == 0)] = color
    return out[1:-1, 1:-1]
