"""Objects: connected cells of one colour (or, with multi=True, of any colours but 0).

Cells that touch only at a corner belong together unless diag=False. Objects are numbered in reading order
of their first cells.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from soar.grids._base import Array, Mask, as_grid, boxes_of, enclosed, label, moved, sizes


def objects(grid: ArrayLike, diag: bool = True, multi: bool = False) -> list[Array]:
    """Every object cut out by its bounding box, other cells in it zero; [the grid] if there is none."""
    array = as_grid(grid)
    labels, n = label(array, diag, multi)
    boxes = boxes_of(labels)
    return [np.where(labels[box] == i + 1, array[box], 0) for i, box in enumerate(boxes)] if n else [array]


def masks(grid: ArrayLike, diag: bool = True, multi: bool = False) -> list[Array]:
    """For every object a grid of the same shape with that object only; [the grid] if there is none."""
    array = as_grid(grid)
    labels, n = label(array, diag, multi)
    return [np.where(labels == i + 1, array, 0) for i in range(n)] if n else [array]


def n_objects(grid: ArrayLike, diag: bool = True, multi: bool = False) -> int:
    """Number of objects."""
    return label(as_grid(grid), diag, multi)[1]


def largest(grid: ArrayLike, diag: bool = True, multi: bool = False) -> Array:
    """The object with most cells, cut out (the first of equals)."""
    return max(objects(grid, diag, multi), key=np.count_nonzero)


def smallest(grid: ArrayLike, diag: bool = True, multi: bool = False) -> Array:
    """The object with fewest cells, cut out (the first of equals)."""
    return min(objects(grid, diag, multi), key=np.count_nonzero)


def tallest(grid: ArrayLike, diag: bool = True, multi: bool = False) -> Array:
    """The object that spans most rows, cut out (the first of equals)."""
    return max(objects(grid, diag, multi), key=lambda item: item.shape[0])


def widest(grid: ArrayLike, diag: bool = True, multi: bool = False) -> Array:
    """The object that spans most columns, cut out (the first of equals)."""
    return max(objects(grid, diag, multi), key=lambda item: item.shape[1])


def pick(grid: ArrayLike, color: int) -> Array:
    """Cut the many-coloured object that contains `color` (the first such), or the grid if there is none."""
    found = objects(grid, multi=True)
    return next((item for item in found if (item == color).any()), as_grid(grid))


def _chosen(
    grid: ArrayLike,
    rule: Callable[[Array], Mask],
    color: int,
    diag: bool = True,
    multi: bool = False,
    keep: bool = False,
) -> Array:
    """Objects for whose sizes `rule` is true get `color`; with keep=True all others become 0."""
    array = as_grid(grid)
    labels, n = label(array, diag, multi)
    if n == 0:
        return array
    hit = np.r_[False, rule(sizes(labels, n))][labels]
    if keep:
        return np.where(hit, array, 0)
    return np.where(hit, color, array)


def keep_largest(grid: ArrayLike, diag: bool = True, multi: bool = False) -> Array:
    """Only the largest object stays in its place (all of them if several are equal)."""
    return _chosen(grid, lambda size: size == size.max(), 0, diag, multi, keep=True)


def keep_smallest(grid: ArrayLike, diag: bool = True, multi: bool = False) -> Array:
    """Only the smallest object stays in its place (all of them if several are equal)."""
    return _chosen(grid, lambda size: size == size.min(), 0, diag, multi, keep=True)


def remove_largest(grid: ArrayLike, diag: bool = True, multi: bool = False) -> Array:
    """The largest object (all of equals) vanishes."""
    return _chosen(grid, lambda size: size == size.max(), 0, diag, multi)


def remove_small(grid: ArrayLike, n: int = 1, diag: bool = True) -> Array:
    """Objects of at most n cells vanish."""
    return _chosen(grid, lambda size: size <= n, 0, diag)


def color_largest(grid: ArrayLike, color: int, diag: bool = True) -> Array:
    """The largest object (all of equals) gets `color`."""
    return _chosen(grid, lambda size: size == size.max(), color, diag)


def color_smallest(grid: ArrayLike, color: int, diag: bool = True) -> Array:
    """The smallest object (all of equals) gets `color`."""
    return _chosen(grid, lambda size: size == size.min(), color, diag)


def color_size(grid: ArrayLike, n: int, color: int, diag: bool = True) -> Array:
    """Objects of exactly n cells get `color`."""
    return _chosen(grid, lambda size: size == n, color, diag)


def rank_objects(grid: ArrayLike, diag: bool = True) -> Array:
    """The largest object gets colour 1, the next 2, and so on (equal sizes share a colour; at most 9)."""
    array = as_grid(grid)
    labels, n = label(array, diag)
    size = sizes(labels, n)
    ranks = np.searchsorted(np.unique(-size), -size) + 1
    colors: Array = np.r_[0, np.minimum(ranks, 9)]
    return colors[labels] if n else array


def color_by_size(grid: ArrayLike, diag: bool = True) -> Array:
    """Every object's colour becomes its number of cells (at most 9)."""
    array = as_grid(grid)
    labels, n = label(array, diag)
    colors: Array = np.r_[0, np.minimum(sizes(labels, n), 9)]
    return colors[labels]


def _holes(item: Array) -> int:
    return label(enclosed(np.pad(item, 1) == 0).astype(np.int64), diag=False)[1]


def color_by_holes(grid: ArrayLike) -> Array:
    """Every object's colour becomes the number of holes it encloses, plus 1 (at most 9)."""
    array = as_grid(grid)
    labels, n = label(array)
    colors = [min(_holes((labels[box] == i + 1) * 1) + 1, 9) for i, box in enumerate(boxes_of(labels))]
    return np.array([0, *colors])[labels] if n else array


def color_closed(grid: ArrayLike, color: int) -> Array:
    """Objects that enclose at least one hole get `color`."""
    array = as_grid(grid)
    labels, _ = label(array)
    hit = [False] + [_holes((labels[box] == i + 1) * 1) > 0 for i, box in enumerate(boxes_of(labels))]
    return np.where(np.array(hit)[labels], color, array)


def _touching(labels: Array, n: int) -> Mask:
    touch = np.zeros(n + 1, dtype=bool)
    for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        touch[side] = True
    touch[0] = False
    return touch


def color_border(grid: ArrayLike, color: int) -> Array:
    """Objects that touch the border of the grid get `color`."""
    array = as_grid(grid)
    labels, n = label(array)
    return np.where(_touching(labels, n)[labels], color, array)


def remove_border(grid: ArrayLike) -> Array:
    """Objects that touch the border of the grid vanish."""
    return color_border(grid, 0)


def keep_border(grid: ArrayLike) -> Array:
    """Only the objects that touch the border of the grid stay."""
    array = as_grid(grid)
    labels, n = label(array)
    return np.where(_touching(labels, n)[labels], array, 0)


def color_symmetric(grid: ArrayLike, color: int) -> Array:
    """Objects that equal their left-right mirror image get `color`."""
    array = as_grid(grid)
    labels, _ = label(array)
    crops = [labels[box] == i + 1 for i, box in enumerate(boxes_of(labels))]
    hit = [False] + [bool((item == item[:, ::-1]).all()) for item in crops]
    return np.where(np.array(hit)[labels], color, array)


def color_tall(grid: ArrayLike, color: int) -> Array:
    """Objects that are higher than wide get `color`."""
    array = as_grid(grid)
    labels, _ = label(array)
    hit = [False] + [item.shape[0] > item.shape[1] for item in (labels[box] for box in boxes_of(labels))]
    return np.where(np.array(hit)[labels], color, array)


def unify(grid: ArrayLike) -> Array:
    """Every many-coloured object takes its own most frequent colour."""
    array = as_grid(grid)
    labels, _ = label(array, multi=True)
    colors = [np.bincount(array[box][labels[box] == i + 1]).argmax() for i, box in enumerate(boxes_of(labels))]
    return np.array([0, *colors], dtype=np.int64)[labels]


def flip_objects_h(grid: ArrayLike, diag: bool = True) -> Array:
    """Every many-coloured object is mirrored left-right inside its own bounding box."""
    array = as_grid(grid)
    labels, _ = label(array, diag, multi=True)
    out = np.zeros_like(array)
    for i, box in enumerate(boxes_of(labels)):
        item = np.where(labels[box] == i + 1, array[box], 0)[:, ::-1]
        out[box] = np.where(item != 0, item, out[box])
    return out


def flip_objects_v(grid: ArrayLike, diag: bool = True) -> Array:
    """Every many-coloured object is mirrored top-bottom inside its own bounding box."""
    return flip_objects_h(as_grid(grid).T, diag).T


def drop_objects(grid: ArrayLike, multi: bool = True) -> Array:
    """Objects fall down, keeping their shapes, until they hit the ground or another object."""
    array = as_grid(grid)
    labels, n = label(array, True, multi)
    bottoms = [box[0].stop for box in boxes_of(labels)]
    out = np.zeros_like(array)
    for i in sorted(range(n), key=lambda index: -bottoms[index]):
        item = np.where(labels == i + 1, array, 0)
        for _ in range(array.shape[0] - bottoms[i]):
            below = moved(item, 1, 0)
            if ((below != 0) & (out != 0)).any():
                break
            item = below
        out += item
    return np.minimum(out, 9)


def slide(grid: ArrayLike, a: int, b: int) -> Array:
    """The cells of colour a move together, straight towards colour b, until they touch it."""
    array = as_grid(grid)
    item, target = np.where(array == a, a, 0), array == b
    if not item.any() or not target.any():
        return array
    (ay, ax), (by, bx) = (m.nonzero() for m in (item, target))
    dy = int(by.min() > ay.max()) - int(by.max() < ay.min())
    dx = 0 if dy and set(ax) & set(bx) else int(bx.min() > ax.max()) - int(bx.max() < ax.min())
    dy = 0 if dx and set(ay) & set(by) else dy
    rest = np.where(array == a, 0, array)
    cells = len(ay)
    for _ in range(max(array.shape)):
        after = moved(item, dy, dx)
        if (not dy and not dx) or np.count_nonzero(after) < cells or (after[target] != 0).any():
            break
        item = after
    return np.where(item != 0, item, rest)
