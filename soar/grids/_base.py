"""What every family of grid functions shares: conversion, size check, shifting, labelling."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

Array = NDArray[np.int64]
Mask = NDArray[np.bool_]

MAX_SIDE = 60
_EIGHT = np.ones((3, 3), dtype=int)
_FOUR = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]])


def as_grid(grid: ArrayLike) -> Array:
    """A fresh 2-D int array; ValueError if `grid` is not a non-empty rectangle."""
    array = np.array(grid, dtype=np.int64)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"a grid is a non-empty rectangle of ints, not something of shape {array.shape}")
    return array


def check_size(height: int, width: int) -> None:
    """ValueError where a result would be empty or have a side longer than 60."""
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
        raise ValueError(f"the result would be {height}x{width}; sides must be 1 to {MAX_SIDE}")


def moved(array: Array, dy: int, dx: int) -> Array:
    """The array moved by (dy, dx), zeros moving in, what leaves the grid is lost."""
    out = np.zeros_like(array)
    height, width = array.shape
    if abs(dy) < height and abs(dx) < width:
        out[max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)] = array[
            max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)
        ]
    return out


def components(mask: Mask, diag: bool) -> tuple[Array, int]:
    """Connected components of a mask: labels 1..n in reading order, and n."""
    labels, n = ndimage.label(mask, structure=_EIGHT if diag else _FOUR)
    return labels.astype(np.int64), int(n)


def label(grid: Array, diag: bool = True, multi: bool = False) -> tuple[Array, int]:
    """Object labels 1..n in reading order of their first cells; `multi` lets an object have many colours."""
    if multi:
        return components(grid != 0, diag)
    out, total = np.zeros_like(grid), 0
    present = np.bincount(grid.ravel(), minlength=1).nonzero()[0]
    for color in present[present > 0]:
        labels, n = components(grid == color, diag)
        out += np.where(labels > 0, labels + total, 0)
        total += n
    if len(present) > 2:
        ids, first = np.unique(out, return_index=True)
        order = ids[np.argsort(first)]
        lookup = np.zeros(total + 1, dtype=np.int64)
        lookup[order[order > 0]] = np.arange(1, total + 1)
        out = lookup[out]
    return out, total


def sizes(labels: Array, n: int) -> Array:
    """Number of cells of each object 1..n."""
    return np.bincount(labels.ravel(), minlength=n + 1)[1:]


def boxes_of(labels: Array) -> list[tuple[slice, slice]]:
    """Bounding box of each object, in order of labels."""
    return list(ndimage.find_objects(labels))


def enclosed(free: Mask, diag: bool = False) -> Mask:
    """The free cells from which no path of free cells leads to the border."""
    labels, n = components(free, diag)
    outside = np.zeros(n + 1, dtype=bool)
    for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        outside[side] = True
    outside[0] = True
    return ~outside[labels]
