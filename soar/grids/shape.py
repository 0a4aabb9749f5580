"""Geometry: turning, cutting, repeating and putting grids together."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from soar.grids._base import Array, as_grid, check_size, moved


def flip_h(grid: ArrayLike) -> Array:
    """Mirror left-right."""
    return as_grid(grid)[:, ::-1]


def flip_v(grid: ArrayLike) -> Array:
    """Mirror top-bottom."""
    return as_grid(grid)[::-1]


def rot90(grid: ArrayLike) -> Array:
    """Turn a quarter clockwise."""
    return as_grid(grid).T[:, ::-1]


def rot180(grid: ArrayLike) -> Array:
    """Turn by half."""
    return as_grid(grid)[::-1, ::-1]


def rot270(grid: ArrayLike) -> Array:
    """Turn a quarter counter-clockwise."""
    return as_grid(grid).T[::-1]


def transpose(grid: ArrayLike) -> Array:
    """Mirror on the main diagonal."""
    return as_grid(grid).T


def anti_transpose(grid: ArrayLike) -> Array:
    """Mirror on the other diagonal."""
    return as_grid(grid)[::-1, ::-1].T


def roll(grid: ArrayLike, dy: int, dx: int) -> Array:
    """Move by dy rows down and dx columns right; what leaves comes back on the other side."""
    return np.roll(as_grid(grid), (dy, dx), (0, 1))


def shift(grid: ArrayLike, dy: int, dx: int) -> Array:
    """Move by dy rows down and dx columns right; zeros come in."""
    return moved(as_grid(grid), dy, dx)


def crop(grid: ArrayLike, bg: int = 0) -> Array:
    """Cut to the bounding box of all that is not `bg`; a copy if there is nothing."""
    array = as_grid(grid)
    mask = array != bg
    rows, cols = mask.any(1).nonzero()[0], mask.any(0).nonzero()[0]
    return array[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1] if len(rows) else array


def top_half(grid: ArrayLike) -> Array:
    """The upper half, without the middle row of an odd height (a single row stays)."""
    array = as_grid(grid)
    return array[: max(1, array.shape[0] // 2)]


def bottom_half(grid: ArrayLike) -> Array:
    """The lower half, without the middle row of an odd height (a single row stays)."""
    array = as_grid(grid)
    return array[-max(1, array.shape[0] // 2) :]


def left_half(grid: ArrayLike) -> Array:
    """The left half, without the middle column of an odd width (a single column stays)."""
    array = as_grid(grid)
    return array[:, : max(1, array.shape[1] // 2)]


def right_half(grid: ArrayLike) -> Array:
    """The right half, without the middle column of an odd width (a single column stays)."""
    array = as_grid(grid)
    return array[:, -max(1, array.shape[1] // 2) :]


def quadrants(grid: ArrayLike) -> list[Array]:
    """The four quarters: top left, top right, bottom left, bottom right."""
    top, bottom = top_half(grid), bottom_half(grid)
    return [left_half(top), right_half(top), left_half(bottom), right_half(bottom)]


def corners(grid: ArrayLike) -> Array:
    """The 2x2 grid of the four corner cells."""
    array = as_grid(grid)
    return array[[0, -1]][:, [0, -1]]


def trim(grid: ArrayLike, n: int = 1) -> Array:
    """Cut n cells off every side; a copy if nothing would remain."""
    array = as_grid(grid)
    return array[n:-n, n:-n] if n > 0 and min(array.shape) > 2 * n else array


def frame(grid: ArrayLike, color: int, n: int = 1) -> Array:
    """Put a frame of `color`, n cells thick, around the grid."""
    array = as_grid(grid)
    check_size(array.shape[0] + 2 * n, array.shape[1] + 2 * n)
    return np.pad(array, n, constant_values=color)


def drop_empty(grid: ArrayLike) -> Array:
    """Remove rows and columns that are all zero; a copy if all is zero."""
    array = as_grid(grid)
    rows, cols = array.any(1), array.any(0)
    return array[rows][:, cols] if rows.any() else array


def unique_rows(grid: ArrayLike) -> Array:
    """Merge equal neighbouring rows into one."""
    array = as_grid(grid)
    return array[np.r_[True, (array[1:] != array[:-1]).any(1)]]


def unique_cols(grid: ArrayLike) -> Array:
    """Merge equal neighbouring columns into one."""
    return unique_rows(as_grid(grid).T).T


def compress(grid: ArrayLike) -> Array:
    """Merge equal neighbouring rows and columns."""
    return unique_cols(unique_rows(grid))


def scale(grid: ArrayLike, k: int) -> Array:
    """Every cell becomes a k x k block."""
    return scale_xy(grid, k, k)


def scale_xy(grid: ArrayLike, ky: int, kx: int) -> Array:
    """Every cell becomes a block of ky rows and kx columns."""
    array = as_grid(grid)
    check_size(array.shape[0] * ky, array.shape[1] * kx)
    return array.repeat(ky, 0).repeat(kx, 1)


def downscale(grid: ArrayLike, k: int) -> Array:
    """Keep every k-th row and column, from the first."""
    if k < 1:
        raise ValueError(f"downscale needs k >= 1, not {k}")
    return as_grid(grid)[::k, ::k]


def tile(grid: ArrayLike, a: int, b: int) -> Array:
    """Repeat the grid a times downwards and b times to the right."""
    array = as_grid(grid)
    check_size(array.shape[0] * a, array.shape[1] * b)
    return np.tile(array, (a, b))


def tile_flip(grid: ArrayLike, a: int, b: int) -> Array:
    """Repeat a x b times, every second row of tiles mirrored left-right."""
    array = as_grid(grid)
    check_size(array.shape[0] * a, array.shape[1] * b)
    rows = [array[:, ::-1] if i % 2 else array for i in range(a)]
    return np.vstack([np.tile(row, (1, b)) for row in rows])


def tile_mirror(grid: ArrayLike, a: int, b: int) -> Array:
    """Repeat a x b times, each tile the mirror image of its neighbours."""
    array = as_grid(grid)
    check_size(array.shape[0] * a, array.shape[1] * b)
    row = np.hstack([array[:, ::-1] if j % 2 else array for j in range(b)])
    return np.vstack([row[::-1] if i % 2 else row for i in range(a)])


def hstack(*grids: ArrayLike) -> Array:
    """Put grids of equal height side by side."""
    arrays = [as_grid(grid) for grid in grids]
    check_size(arrays[0].shape[0], sum(array.shape[1] for array in arrays))
    return np.hstack(arrays)


def vstack(*grids: ArrayLike) -> Array:
    """Put grids of equal width below each other."""
    arrays = [as_grid(grid) for grid in grids]
    check_size(sum(array.shape[0] for array in arrays), arrays[0].shape[1])
    return np.vstack(arrays)


def mirror_h(grid: ArrayLike) -> Array:
    """The grid, and to its right its left-right mirror image."""
    return hstack(grid, flip_h(grid))


def mirror_v(grid: ArrayLike) -> Array:
    """The grid, and below it its top-bottom mirror image."""
    return vstack(grid, flip_v(grid))


def mirror4(grid: ArrayLike) -> Array:
    """The grid with its mirror images to the right, below, and across."""
    return mirror_v(mirror_h(grid))


def rot4(grid: ArrayLike) -> Array:
    """A square grid and its three turned images, clockwise from the top left."""
    array = as_grid(grid)
    if array.shape[0] != array.shape[1]:
        raise ValueError("rot4 needs a square grid")
    return vstack(hstack(array, rot90(array)), hstack(rot270(array), rot180(array)))


def kron_self(grid: ArrayLike) -> Array:
    """A copy of the grid at every non-zero cell of itself, zeros elsewhere."""
    array = as_grid(grid)
    check_size(array.shape[0] ** 2, array.shape[1] ** 2)
    return np.kron((array != 0).astype(np.int64), array)


def kron_inv(grid: ArrayLike) -> Array:
    """A copy of the grid at every zero cell of itself, zeros elsewhere."""
    array = as_grid(grid)
    check_size(array.shape[0] ** 2, array.shape[1] ** 2)
    return np.kron((array == 0).astype(np.int64), array)


def place(grid: ArrayLike, color: int) -> Array:
    """A copy of the grid at every cell that has `color`, zeros elsewhere."""
    array = as_grid(grid)
    check_size(array.shape[0] ** 2, array.shape[1] ** 2)
    return np.kron((array == color).astype(np.int64), array)


def spread(grid: ArrayLike, n: int = 1) -> Array:
    """Put n empty rows and columns between neighbouring cells."""
    array = as_grid(grid)
    height, width = ((side - 1) * (n + 1) + 1 for side in array.shape)
    check_size(height, width)
    out = np.zeros((height, width), dtype=np.int64)
    out[:: n + 1, :: n + 1] = array
    return out


def shear(grid: ArrayLike, step: int = 1) -> Array:
    """Roll row i by i * step to the right."""
    array = as_grid(grid)
    height, width = array.shape
    cols = (np.arange(width)[None] - step * np.arange(height)[:, None]) % width
    return np.take_along_axis(array, cols, 1)


def flip_odd(grid: ArrayLike) -> Array:
    """Mirror every second row left-right."""
    array = as_grid(grid)
    array[1::2] = array[1::2, ::-1].copy()
    return array
