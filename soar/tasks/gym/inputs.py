"""Drawing of input grids: one function for each kind of scene that a family of programs needs."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.int64]


@dataclass(slots=True)
class Draw:
    """What the grids of one task have in common: its colours, its sizes and the parameters of its program."""

    rng: random.Random
    noise: np.random.Generator
    palette: list[int]  # colours the inputs are drawn with, params a and a2 first
    area: float  # most cells an input should have
    side: int  # longest side
    low: int = 3  # shortest side
    same_size: bool = False  # all grids of the task have one size
    params: dict[str, int] = field(default_factory=dict)
    kind: float = 0.0  # chooses among the variants of a scene, the same for the whole task
    fixed: tuple[int, int] | None = None
    rich: int = 0  # this many colours more than a scene asks for
    grain: int = 1  # noise comes in blocks of this side, where there is room

    def size(self, low: int = 0, square: bool = False) -> tuple[int, int]:
        """Height and width of the next grid: half of them square, the others rarely longer than twice their width."""
        low = max(low, self.low)
        if self.fixed is not None:
            return self.fixed
        high = max(low, self.side)
        area = self.area * self.rng.uniform(0.6, 1.0)
        ratio = 1.0 if square or self.rng.random() < 0.5 else self.rng.uniform(0.4, 1.0)
        shorter = max(low, min(high, int((area * ratio) ** 0.5)))
        longer = shorter if ratio == 1.0 else max(shorter, min(high, int(shorter / ratio)))
        height, width = (shorter, longer) if self.rng.random() < 0.5 else (longer, shorter)
        if self.same_size:
            self.fixed = (height, width)
        return height, width

    def blank(self, low: int = 0) -> Array:
        """An empty grid of the next size."""
        return np.zeros(self.size(low), dtype=np.int64)

    def color(self) -> int:
        """One of the palette."""
        return self.rng.choice(self.palette)

    def some(self, n: int) -> list[int]:
        """Up to n different colours of the palette, more in rich tasks."""
        return self.rng.sample(self.palette, min(n + self.rich, len(self.palette)))

    def pick(self, colors: list[int], shape: tuple[int, int]) -> Array:
        """A grid of colours drawn evenly from a list."""
        drawn = np.array(colors, dtype=np.int64)[self.noise.integers(0, len(colors), self._coarse(shape))]
        grid: Array = self._blocks(drawn, shape)
        return grid

    def chance(self, shape: tuple[int, int], p: float) -> NDArray[np.bool_]:
        """A mask true with probability p."""
        mask: NDArray[np.bool_] = self._blocks(self.noise.random(self._coarse(shape)) < p, shape)
        return mask

    def _coarse(self, shape: tuple[int, int]) -> tuple[int, int]:
        grain = self.grain if min(shape) >= 3 * self.grain else 1
        return -(-shape[0] // grain), -(-shape[1] // grain)

    def _blocks(self, drawn: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
        grain = self.grain if min(shape) >= 3 * self.grain else 1
        return drawn if grain == 1 else drawn.repeat(grain, 0).repeat(grain, 1)[: shape[0], : shape[1]]


Scene = Callable[[Draw], Array]


def full(d: Draw) -> Array:
    """Coloured everywhere."""
    return d.pick(d.some(d.rng.randint(2, 5)), d.size())


def sparse(d: Draw) -> Array:
    """Noise of several colours on empty ground."""
    shape = d.size()
    return d.pick(d.some(3), shape) * d.chance(shape, d.rng.uniform(0.2, 0.6))


def mono(d: Draw) -> Array:
    """Noise of one colour on empty ground."""
    shape = d.size()
    color = d.params["a"] if d.kind < 0.5 else d.color()
    return d.chance(shape, d.rng.uniform(0.25, 0.65)) * np.int64(color)


def dots(d: Draw) -> Array:
    """A few single cells."""
    grid = d.blank()
    n = d.rng.randint(2, max(2, min(7 + grid.size // 30, grid.size // 6)))
    colors = d.some(3)
    for at in d.rng.sample(range(grid.size), min(n, grid.size)):
        grid.flat[at] = d.rng.choice(colors)
    return grid


def dots_a(d: Draw) -> Array:
    """A few single cells of colour a, sometimes others."""
    grid = d.blank(4)
    n = d.rng.randint(1, max(1, min(3 + grid.size // 60, grid.size // 12)))
    extra = d.rng.randint(1, 3 + d.rich) if d.kind < 0.5 else 0
    places = d.rng.sample(range(grid.size), n + extra)
    for at in places:
        grid.flat[at] = d.params["a"]
    for at in places[n:]:
        grid.flat[at] = d.rng.choice(d.palette[1:])
    return grid


def framed(d: Draw) -> Array:
    """A pattern in a frame of one colour."""
    grid = sparse(d)
    color = d.color()
    grid[[0, -1]] = color
    grid[:, [0, -1]] = color
    return grid


def aligned(d: Draw) -> Array:
    """Cells in pairs on the same row or column."""
    grid = d.blank(4)
    height, width = grid.shape
    for _ in range(d.rng.randint(1, 3)):
        color = d.params["a"] if d.kind < 0.4 else d.color()
        if d.rng.random() < 0.5:
            y, (x0, x1) = d.rng.randrange(height), d.rng.sample(range(width), 2)
            grid[y, x0] = grid[y, x1] = color
        else:
            x, (y0, y1) = d.rng.randrange(width), d.rng.sample(range(height), 2)
            grid[y0, x] = grid[y1, x] = color
    return grid


def bars(d: Draw) -> Array:
    """Bars of different lengths from the left side, one colour each row."""
    height, width = d.size()
    lengths = d.noise.integers(0, width + 1, (height, 1))
    colors = d.pick(d.some(4), (height, 1))
    grid = (np.arange(width)[None] < lengths) * colors
    return grid if d.kind < 0.5 else grid[:, ::-1]


def columns(d: Draw) -> Array:
    """Bars of different lengths from the top or the ground."""
    return bars(d).T


def stretched(d: Draw) -> Array:
    """A pattern whose rows and columns are repeated unevenly."""
    side = max(2, min(7, int(d.area**0.5 / 2.5)))
    grid = d.pick(d.some(4), (d.rng.randint(2, max(2, side)), d.rng.randint(2, max(2, side))))
    rows, cols = (d.noise.integers(1, 4, side) for side in grid.shape)
    return grid.repeat(rows, 0).repeat(cols, 1)


def scaled(d: Draw) -> Array:
    """A pattern of blocks, k cells a side."""
    k = d.params["k"]
    most = max(2, min(d.side, int(d.area**0.5)) // k)
    height = d.rng.randint(2, most)
    grid = d.pick([0, *d.some(3)], (height, height if d.rng.random() < 0.5 else d.rng.randint(2, most)))
    return grid.repeat(k, 0).repeat(k, 1)


def spaced(d: Draw) -> Array:
    """Some rows and columns empty, the rest noise."""
    grid = d.pick(d.some(3), d.size(4))
    return grid * d.chance((grid.shape[0], 1), 0.55) * d.chance((1, grid.shape[1]), 0.55)


def gaps(d: Draw) -> Array:
    """Rows with one or two cells, others empty."""
    grid = d.blank(4)
    for y in range(grid.shape[0]):
        if d.rng.random() < 0.45:
            grid[y, d.rng.randrange(grid.shape[1])] = d.color()
    return grid if d.kind < 0.5 or d.fixed else grid.T


def rows_prefix(d: Draw) -> Array:
    """Some patterned rows on top, then nothing."""
    grid = d.blank(6)
    n = d.rng.randint(1, min(4, grid.shape[0] // 2))
    row = d.pick(d.some(3), (n, grid.shape[1])) * d.chance((n, grid.shape[1]), 0.8)
    grid[:n] = row
    if 2 * n < grid.shape[0] and d.rng.random() < 0.5:
        grid[n : 2 * n] = row
    return grid


def cols_prefix(d: Draw) -> Array:
    """Some patterned columns on the left, then nothing."""
    return rows_prefix(d).T


def maze(d: Draw) -> Array:
    """Dense walls of one colour, so that some empty cells are enclosed."""
    shape = d.size(5)
    return d.chance(shape, d.rng.uniform(0.4, 0.6)) * np.int64(d.params["a"])


def square(d: Draw) -> Array:
    """A coloured square."""
    side = min(d.size(square=True))
    return d.pick([0, *d.some(3)], (side, side))


def square_sparse(d: Draw) -> Array:
    """Noise on a square."""
    side = min(d.size(3, square=True))
    return d.pick(d.some(3), (side, side)) * d.chance((side, side), d.rng.uniform(0.2, 0.5))


def first_row(d: Draw) -> Array:
    """One row with a run of cells at its left."""
    width = d.rng.randint(3, max(3, min(d.side, 9)))
    return (np.arange(width)[None] < d.rng.randint(1, max(1, width // 2))) * np.int64(d.color())


def few_cells(d: Draw) -> Array:
    """A small grid with two to four coloured cells."""
    shape = (d.rng.randint(2, 3), d.rng.randint(2, 3))
    grid = np.zeros(shape, dtype=np.int64)
    grid.flat[d.rng.sample(range(grid.size), d.rng.randint(2, 3))] = d.color()
    return grid


def binary_tiled(d: Draw) -> Array:
    """Rows of one colour on empty ground that come back periodically."""
    height, width = d.size(4)
    rows = d.chance((d.rng.randint(2, max(2, height // 2)), width), 0.5) * np.int64(d.params["a"])
    return np.tile(rows, (height, 1))[:height]


def half_symmetric(d: Draw) -> Array:
    """Cells in one half only."""
    grid = sparse(d)
    height, width = grid.shape
    if d.params["turn"]:
        grid[height // 2 + height % 2 :] = 0
    else:
        grid[:, width // 2 + width % 2 :] = 0
    return grid


def maybe_symmetric(d: Draw) -> Array:
    """A square that has, in half the cases, left-right and diagonal symmetry."""
    grid = square(d)
    if d.rng.random() < 0.5:
        grid = np.maximum(grid, grid[:, ::-1])
        grid = np.maximum(grid, grid.T)
        grid = np.maximum(grid, grid[:, ::-1])
    return grid
