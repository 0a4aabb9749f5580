"""Drawing of dense input grids: many colours, large areas, crowds of objects, a ground that is not empty."""

from __future__ import annotations

import numpy as np

from soar.tasks.gym import shapes
from soar.tasks.gym.inputs import Array, Draw, Scene


def busy(d: Draw) -> Array:
    """Every cell coloured, with most of the palette, and sometimes some empty ones."""
    colors = [0, *d.palette] if d.kind < 0.5 else d.palette
    return d.pick(colors, d.size())


def regions(d: Draw) -> Array:
    """A map of irregular countries: every cell takes the colour of the nearest of some points."""
    height, width = d.size(4)
    n = d.rng.randint(3, max(4, min(12, height * width // 8)))
    ys, xs = d.noise.integers(0, height, n), d.noise.integers(0, width, n)
    y, x = np.indices((height, width))
    far = np.abs(y[..., None] - ys) + np.abs(x[..., None] - xs)
    grid: Array = d.pick(_colors(d), (n, 1))[far.argmin(-1), 0]
    return grid


def blocks(d: Draw) -> Array:
    """Areas of one colour each, divided by straight cuts from side to side."""
    height, width = d.size(4)
    rows, cols = (np.sort(d.noise.integers(0, max(2, side // 3), side)) for side in (height, width))
    return d.pick(_colors(d), (int(rows.max()) + 1, int(cols.max()) + 1))[rows][:, cols]


def layers(d: Draw) -> Array:
    """Rectangles of many colours laid over each other."""
    grid = d.blank(5)
    height, width = grid.shape
    if d.kind < 0.4:
        grid[:] = d.params["a"]
    for _ in range(d.rng.randint(3, 5 + grid.size // 60)):
        h, w = d.rng.randint(1, max(2, height // 2)), d.rng.randint(1, max(2, width // 2))
        y, x = d.rng.randint(0, height - h), d.rng.randint(0, width - w)
        grid[y : y + h, x : x + w] = d.color()
    return grid


def stripes(d: Draw) -> Array:
    """Rows of one colour each, some of them with a few other cells."""
    height, width = d.size(3)
    grid = np.repeat(d.pick(_colors(d), (height, 1)), width, 1)
    if d.kind < 0.5:
        grid = np.where(d.noise.random(grid.shape) < 0.12, d.color(), grid)
    return grid.T if d.params["turn"] and not d.same_size else grid


def nested(d: Draw) -> Array:
    """Rings of different colours inside each other."""
    height, width = d.size(4)
    y, x = np.indices((height, width))
    depth = np.minimum(np.minimum(y, height - 1 - y), np.minimum(x, width - 1 - x))
    colors: Array = np.array(d.rng.sample(d.palette, len(d.palette)))
    grid: Array = colors[np.minimum(depth // (1 + (d.kind < 0.2)), len(colors) - 1)]
    return grid


def crowd(d: Draw) -> Array:
    """Many small objects in colours of their own."""
    grid = d.blank(7)
    n = d.rng.randint(5, max(6, min(24, grid.size // 12)))
    items = []
    for _ in range(n):
        mask = shapes.blob(d, d.rng.randint(1, 3), d.rng.randint(2, 3))
        items.append(mask * np.int64(d.color()))
    return shapes.scatter(d, grid, items)


def crowd_a(d: Draw) -> Array:
    """Many small objects of colour a, in some tasks with single cells of others."""
    grid = np.where(crowd(d) != 0, d.params["a"], 0)
    return np.where((grid == 0) & (d.noise.random(grid.shape) < 0.05), d.palette[1], grid) if d.kind < 0.3 else grid


def large_shapes(d: Draw) -> Array:
    """A few objects of one colour each, up to half of the grid high and wide."""
    grid = d.blank(8)
    most = max(4, min(grid.shape) // 2)
    items = []
    for _ in range(d.rng.randint(2, 6)):
        mask = shapes.blob(d, d.rng.randint(2, most), d.rng.randint(2, most))
        items.append(mask * np.int64(d.color()))
    return shapes.scatter(d, grid, items)


def towers(d: Draw) -> Array:
    """Columns of coloured cells that stand on the ground."""
    height, width = d.size(5)
    tops = d.noise.integers(0, height, (1, width))
    grid = np.where(np.arange(height)[:, None] > tops, d.pick(_colors(d), (1, width)), 0)
    return np.where(d.noise.random((1, width)) < 0.7, grid, 0)


def in_noise(d: Draw) -> Array:
    """A few rectangles of single colours in noise of another one."""
    grid = d.blank(8)
    grid = np.where(d.noise.random(grid.shape) < d.rng.uniform(0.1, 0.35), d.params["a"], grid)
    height, width = grid.shape
    for _ in range(d.rng.randint(1, 3)):
        h, w = d.rng.randint(3, max(3, height // 2)), d.rng.randint(3, max(3, width // 2))
        y, x = d.rng.randint(0, height - h), d.rng.randint(0, width - w)
        grid[y : y + h, x : x + w] = d.rng.choice(d.palette[1:])
    return grid


def crossed(d: Draw) -> Array:
    """Full lines of one colour at uneven distances, and in the parts between them areas or cells of others."""
    height, width = d.size(7)
    ground = blocks(d) if d.kind < 0.4 else d.blank(7)
    height, width = ground.shape
    if d.kind >= 0.4:
        ground = np.where(d.noise.random(ground.shape) < 0.15, d.pick(_colors(d), ground.shape), ground)
    for side, axis in ((height, 0), (width, 1)):
        lines = d.rng.sample(range(1, side - 1), d.rng.randint(axis, max(1, side // 6)))
        if axis:
            ground[:, lines] = d.params["line"]
        else:
            ground[lines] = d.params["line"]
    return ground


def grounded(scene: Scene) -> Scene:
    """The scene on a ground of one colour: parameter `c` in most tasks, another for each grid in some."""

    def drawn(d: Draw) -> Array:
        grid = scene(d)
        ground = d.params["c"] if d.kind < 0.7 else d.rng.choice([color for color in range(1, 10) if color not in grid])
        return np.where(grid == 0, ground, grid)

    return drawn


def _colors(d: Draw) -> list[int]:
    """Colours of areas: the empty one among them in half of the tasks."""
    return [0, *d.some(3)] if d.kind < 0.5 else d.some(4)


ground_shapes = grounded(shapes.shapes)
ground_crowd = grounded(crowd)
ground_one = grounded(shapes.one_shape)
ground_large = grounded(large_shapes)
ground_two = grounded(shapes.two_tone)


def speckled_regions(d: Draw) -> Array:
    """A map of countries with single cells of colour a strewn over it."""
    palette, d.palette = d.palette, d.palette[1:]
    grid = regions(d) if d.kind < 0.5 or len(d.palette) < 2 else layers(d)
    d.palette = palette
    return np.where(d.noise.random(grid.shape) < 0.08, d.params["a"], grid)


def half_crowd(d: Draw) -> Array:
    """Small objects in one half only, the same half for all grids of a task."""
    grid = crowd(d)
    height, width = grid.shape
    if d.params["turn"]:
        grid[height // 2 :] = 0
    else:
        grid[:, width // 2 :] = 0
    return grid


def quarter(d: Draw) -> Array:
    """A square with cells in its top left quarter only."""
    side = max(4, min(d.size(4, square=True)))
    grid = np.zeros((side, side), dtype=np.int64)
    part = d.pick(d.some(3), (side // 2, side // 2))
    grid[: side // 2, : side // 2] = np.where(d.noise.random(part.shape) < 0.6, part, 0)
    return grid


def prefix(d: Draw) -> Array:
    """Some rows or columns of areas and empty cells at one end, then nothing."""
    grid = d.blank(6)
    n = d.rng.randint(1, max(2, grid.shape[0] // 3))
    grid[:n] = d.pick([0, *d.some(3)], (n, grid.shape[1]))
    return grid.T if d.params["turn"] and not d.same_size else grid
