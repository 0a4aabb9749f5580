"""Drawing of input grids with symmetry or repetition, and mixtures of all kinds."""

from __future__ import annotations

import numpy as np

from soar.tasks.gym import dense, inputs, parts, shapes
from soar.tasks.gym.inputs import Array, Draw


def _symmetric(d: Draw) -> Array:
    """A coloured pattern with mirror symmetry both ways (in some tasks along the diagonal as well)."""
    height, width = d.size(4, square=d.kind < 0.5)
    quarter = d.pick(d.some(4), ((height + 1) // 2, (width + 1) // 2))
    if d.kind < 0.5:
        quarter = np.triu(quarter) + np.triu(quarter, 1).T
    top = np.hstack([quarter, quarter[:, ::-1][:, width % 2 :]])
    return np.vstack([top, top[::-1][height % 2 :]])


def _cover(d: Draw, grid: Array, color: int) -> Array:
    """Cover one or two rectangles by a colour."""
    height, width = grid.shape
    for _ in range(d.params["holes"]):
        h, w = d.rng.randint(1, max(1, height // 3)), d.rng.randint(1, max(1, width // 3))
        y, x = d.rng.randint(0, height - h), d.rng.randint(0, width - w)
        grid[y : y + h, x : x + w] = color
    return grid


def covered(d: Draw) -> Array:
    """A symmetric pattern without colour a, parts of it covered by colour a."""
    palette, d.palette = d.palette, [*d.palette[1:], d.params["c"]]
    grid = _symmetric(d)
    d.palette = palette
    return _cover(d, grid, d.params["a"])


def covered_0(d: Draw) -> Array:
    """A symmetric pattern, parts of it emptied."""
    return _cover(d, _symmetric(d), 0)


def _tiling(d: Draw) -> Array:
    height, width = d.size(5)
    most = 3 + (height * width > 120) + (height * width > 250)
    tile = d.pick(d.some(3) if d.kind < 0.6 else d.some(2), (d.rng.randint(1, most), d.rng.randint(2, most)))
    if d.rng.random() < 0.5:
        tile = tile.T
    reps = (-(-height // tile.shape[0]), -(-width // tile.shape[1]))
    return np.tile(tile, reps)[:height, :width]


def tiled(d: Draw) -> Array:
    """A small tile repeated over the grid."""
    return _tiling(d)


def tiled_holes(d: Draw) -> Array:
    """A small tile repeated over the grid, parts of it emptied."""
    return _cover(d, _tiling(d), 0)


def tiled_covered(d: Draw) -> Array:
    """A small tile repeated over the grid, parts of it covered by colour a."""
    palette, d.palette = d.palette, [*d.palette[1:], d.params["c"]]
    grid = _tiling(d)
    d.palette = palette
    return _cover(d, grid, d.params["a"])


def diagonals(d: Draw) -> Array:
    """A few cells of a pattern of coloured diagonals."""
    height, width = d.size(4)
    n = d.rng.randint(2, 3)
    colors: Array = np.array((d.some(n) * 2)[:n])
    y, x = np.indices((height, width))
    index = (y + x if d.rng.random() < 0.5 else y - x) % n
    shown = np.isin(y + x, d.rng.sample(range(height + width - 1), min(n + 1, height)))
    return np.where(shown, colors[index], 0)


def framed_or_full(d: Draw) -> Array:
    """A full pattern, in a frame where there is room."""
    return inputs.framed(d) if min(d.size()) > 3 else inputs.full(d)


def flat(d: Draw) -> Array:
    """Anything without large empty areas, of any size."""
    scenes = (inputs.full, inputs.full, inputs.sparse, inputs.sparse, inputs.mono, dense.busy, dense.busy, dense.nested)
    return scenes[d.params["mix"] % len(scenes)](d)


_MIX = (
    inputs.full, inputs.sparse, inputs.mono, inputs.sparse, shapes.shapes, shapes.rects, inputs.dots, inputs.bars,
    parts.lattice, shapes.shapes, framed_or_full, dense.busy, dense.crowd, dense.regions, dense.blocks, dense.layers,
    inputs.dots, dense.stripes, dense.nested, dense.crowd, dense.large_shapes, dense.towers, dense.in_noise,
    dense.crossed,
)  # fmt: skip


def mixed(d: Draw) -> Array:
    """Anything: what kind is chosen once for the task."""
    scene = _MIX[d.params["mix"]]
    grid = scene(d)
    return np.where(grid == 0, d.params["ground"], grid) if d.params["ground"] else grid


def covered_large(d: Draw) -> Array:
    """A symmetric mosaic with as many colours as there are, parts of it covered by colour a or emptied."""
    palette, d.palette = d.palette, [color for color in range(1, 10) if color != d.params["a"]]
    rich, d.rich = d.rich, 5
    grid = _symmetric(d)
    d.palette, d.rich = palette, rich
    return _cover(d, grid, d.params["a"] if d.kind < 0.7 else 0)


def diagonals_ground(d: Draw) -> Array:
    """A few cells of a pattern of coloured diagonals, and some of colour c that do not belong to it."""
    grid = diagonals(d)
    if d.kind < 0.4:
        return grid
    return np.where((grid == 0) & (d.noise.random(grid.shape) < 0.15), d.params["c"], grid)
