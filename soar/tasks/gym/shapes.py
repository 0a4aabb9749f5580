"""Drawing of input grids with objects: shapes apart from each other on empty ground."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from soar.tasks.gym.inputs import Array, Draw


def blob(d: Draw, height: int, width: int) -> NDArray[np.bool_]:
    """A connected shape that fits into height x width."""
    kind = d.rng.random() if max(height, width) > 2 else d.rng.uniform(0.1, 0.8)
    if kind < 0.2:
        return np.ones((height, width), dtype=bool)
    if kind < 0.4 and min(height, width) > 2:
        mask = np.ones((height, width), dtype=bool)
        mask[1:-1, 1:-1] = False
        return mask
    cells = {(d.rng.randrange(height), d.rng.randrange(width))}
    target = d.rng.randint(max(1, height * width // 3), max(2, height * width * 3 // 4))
    order = list(cells)
    for _ in range(target * 3):
        y, x = d.rng.choice(order)
        dy, dx = d.rng.choice(((0, 1), (1, 0), (0, -1), (-1, 0)))
        cell = (y + dy, x + dx)
        if 0 <= cell[0] < height and 0 <= cell[1] < width and cell not in cells:
            cells.add(cell)
            order.append(cell)
            if len(cells) >= target:
                break
    mask = np.zeros((height, width), dtype=bool)
    mask[tuple(np.array(order).T)] = True
    if kind > 0.8:
        mask |= mask[:, ::-1]
    return mask[mask.any(1)][:, mask.any(0)]


def scatter(d: Draw, grid: Array, items: list[Array], gap: int = 1) -> Array:
    """Put items on the grid where they keep a distance; those that find no place are left out."""
    height, width = grid.shape
    for item in items:
        h, w = item.shape
        if h > height or w > width:
            continue
        for _ in range(10):
            y, x = d.rng.randint(0, height - h), d.rng.randint(0, width - w)
            if not grid[max(0, y - gap) : y + h + gap, max(0, x - gap) : x + w + gap].any():
                grid[y : y + h, x : x + w] = item
                break
    return grid


def _items(d: Draw, grid: Array, colors: list[int], n: int, largest: int = 0) -> list[Array]:
    most = largest or max(3, min(8, min(grid.shape) // 3 + 1))
    out = []
    for _ in range(n):
        mask = blob(d, d.rng.randint(1, most), d.rng.randint(1 if most > 2 else 2, most))
        out.append(mask * np.int64(d.rng.choice(colors)))
    return out


def _room(grid: Array) -> int:
    return max(2, min(6 + grid.size // 80, grid.size // 14))


def shapes(d: Draw) -> Array:
    """Separate objects, each of one colour; in some tasks all of the same."""
    grid = d.blank(5)
    colors = [d.params["a"]] if d.kind < 0.4 else d.some(3)
    return scatter(d, grid, _items(d, grid, colors, d.rng.randint(2, _room(grid))))


def shapes_a(d: Draw) -> Array:
    """Separate objects of colour a."""
    grid = d.blank(5)
    return scatter(d, grid, _items(d, grid, [d.params["a"]], d.rng.randint(2, _room(grid))))


def small_shapes(d: Draw) -> Array:
    """Objects of few cells, colour a."""
    grid = d.blank(5)
    return scatter(d, grid, _items(d, grid, [d.params["a"]], d.rng.randint(3, _room(grid) + 2), 2 + (d.kind < 0.5)))


def loose_shapes(d: Draw) -> Array:
    """Separate objects that leave part of their bounding boxes empty."""
    grid = d.blank(6)
    colors = [d.params["a"]] if d.kind < 0.5 else d.some(3)
    items = _items(d, grid, colors, 3 * _room(grid), max(3, min(grid.shape) // 2))
    return scatter(d, grid, [item for item in items if np.count_nonzero(item) < item.size][: _room(grid)])


def one_shape(d: Draw) -> Array:
    """One object with many colours on empty ground."""
    grid = d.blank(5)
    shape = tuple(d.rng.randint(2, max(2, side - 2)) for side in grid.shape)
    item = d.pick(d.some(3), (shape[0], shape[1])) * d.chance((shape[0], shape[1]), 0.8)
    return scatter(d, grid, [item])


def two_tone(d: Draw) -> Array:
    """Separate objects of two or three colours each."""
    grid = d.blank(6)
    main, others = d.params["a"], [color for color in d.palette if color != d.params["a"]]
    items = []
    for item in _items(d, grid, [main], d.rng.randint(2, max(2, _room(grid) - 1)), max(3, min(grid.shape) // 2)):
        spots = d.chance(item.shape, d.rng.choice((0.2, 0.4)))
        items.append(np.where(item * spots != 0, d.rng.choice(others), item))
    return scatter(d, grid, items)


def one_marked(d: Draw) -> Array:
    """Objects of one colour, one of which has a cell of colour a in it."""
    grid = d.blank(6)
    color = d.rng.choice(d.palette[1:])
    items = [item for item in _items(d, grid, [color], _room(grid), 4) if np.count_nonzero(item) > 2] or [
        np.full((2, 2), color)
    ]
    at = d.rng.choice(items[0].nonzero()[0].tolist())
    items[0][at, d.rng.choice(items[0][at].nonzero()[0].tolist())] = d.params["a"]
    return scatter(d, grid, items)


def rects(d: Draw) -> Array:
    """Filled rectangles."""
    grid = d.blank(6)
    most = max(3, min(9, min(grid.shape) - 2, int(grid.size**0.5 / 1.7)))
    colors = [d.params["a"]] if d.kind < 0.5 else d.some(3)
    items = [
        np.full((d.rng.randint(2, most), d.rng.randint(2, most)), d.rng.choice(colors))
        for _ in range(d.rng.randint(1, max(2, _room(grid) - 1)))
    ]
    return scatter(d, grid, items)


def big_rects(d: Draw) -> Array:
    """Filled rectangles with an inside: three cells or more a side."""
    grid = d.blank(6)
    most = max(3, min(grid.shape) - 1)
    items = [np.full((d.rng.randint(3, most), d.rng.randint(3, most)), d.color()) for _ in range(d.rng.randint(1, 3))]
    return scatter(d, grid, items)


def rings(d: Draw) -> Array:
    """Outlines of rectangles, some of them open, and loose shapes."""
    grid = d.blank(6)
    most, color = max(4, min(9, min(grid.shape) - 1)), d.params["a"] if d.kind < 0.6 else d.color()
    items = []
    for _ in range(d.rng.randint(1, max(3, _room(grid) - 2))):
        item = np.full((d.rng.randint(3, most), d.rng.randint(3, most)), color)
        item[1:-1, 1:-1] = 0
        if d.rng.random() < 0.25:
            item[0, d.rng.randrange(1, item.shape[1] - 1)] = 0
        items.append(item)
    return scatter(d, grid, items + _items(d, grid, [color], d.rng.randint(0, 2), 2))


def squares(d: Draw) -> Array:
    """Outlines of squares and other rectangles."""
    grid = d.blank(7)
    items = []
    for i in range(3 + grid.size // 80):
        height = d.rng.randint(3, 5 + (grid.size > 200))
        item = np.full((height, height if i % 2 == 0 else d.rng.randint(3, 6)), d.params["a"])
        item[1:-1, 1:-1] = 0
        items.append(item)
    return scatter(d, grid, items)


def holed(d: Draw) -> Array:
    """Objects of colour a with a different number of holes."""
    grid = d.blank(7)
    items = []
    for _ in range(5 + grid.size // 100):
        n = d.rng.randint(0, 3)
        item = np.full((3, max(2, 2 * n + 1)), d.params["a"])
        item[1, 1 : 2 * n : 2] = 0
        items.append(item.T if d.rng.random() < 0.5 else item)
    return scatter(d, grid, items)


def speckled(d: Draw) -> Array:
    """Rectangles and single noise cells of colour a."""
    grid = rects(d)
    spots = d.noise.random(grid.shape) < 0.08
    return np.where(spots, d.params["a"], grid)


def lone_spots(d: Draw) -> Array:
    """Large shapes and single cells apart from them."""
    grid = d.blank(6)
    items = _items(d, grid, d.some(2), d.rng.randint(1, 3), max(3, min(grid.shape) // 2))
    return scatter(d, grid, items + [np.array([[d.color()]]) for _ in range(d.rng.randint(2, 5))])


def speckled_a(d: Draw) -> Array:
    """A coloured pattern of large areas with single noise cells of colour a."""
    height, width = d.size(5)
    grid = np.full((height, width), d.rng.choice([0, *d.palette[1:]]))
    for _ in range(d.rng.randint(2, 5)):
        y, x = d.rng.randrange(height), d.rng.randrange(width)
        h, w = d.rng.randint(3, 4 + height // 2), d.rng.randint(3, 4 + width // 2)
        grid[y : y + h, x : x + w] = d.rng.choice(d.palette[1:])
    return np.where(d.noise.random(grid.shape) < 0.07, d.params["a"], grid)


def many_same(d: Draw) -> Array:
    """Objects of one size, several alike and one different, in colours of their own."""
    grid = d.blank(6)
    most = max(3, min(5, min(grid.shape) // 3))
    height, width = d.rng.randint(2, most), d.rng.randint(2, most)
    common, odd = (blob(d, height, width) for _ in range(2))
    n = d.rng.randint(2, 4 + grid.size // 120)
    items = [odd * np.int64(d.color())] + [common * np.int64(d.color()) for _ in range(n)]
    d.rng.shuffle(items)
    return scatter(d, grid, items)


def mover(d: Draw) -> Array:
    """A shape of colour a and a wall of colour a2, apart."""
    grid = d.blank(6)
    width = grid.shape[1]
    grid[-1 if d.rng.random() < 0.6 else -2 :] = d.params["a2"]
    item = blob(d, d.rng.randint(1, 2), d.rng.randint(1, 3)) * np.int64(d.params["a"])
    x = d.rng.randint(0, width - item.shape[1])
    grid[0 : item.shape[0], x : x + item.shape[1]] = item
    return np.rot90(grid, d.rng.randrange(4))


def stamps(d: Draw) -> Array:
    """One many-celled pattern with colour a in its middle and single cells of colour a elsewhere."""
    grid = d.blank(8)
    other = d.params["a2"]
    pattern = d.chance((3, 3), 0.5) * np.int64(other)
    pattern[[0, 1, 1, 2], [1, 0, 2, 1]] = other if d.kind < 0.6 else pattern[[0, 1, 1, 2], [1, 0, 2, 1]]
    pattern[1, 1] = d.params["a"]
    points = [np.array([[d.params["a"]]]) for _ in range(d.rng.randint(1, 3 + grid.size // 120))]
    return scatter(d, grid, [pattern, *points], gap=2)


def blown_up(d: Draw) -> Array:
    """A pattern of blocks, k cells a side, somewhere on empty ground."""
    k = d.params["k"]
    most = max(2, min(d.side, int(d.area**0.5)) // k - 1)
    shape = (d.rng.randint(1, most), d.rng.randint(2, most))
    item = d.pick([0, *d.some(2)], shape).repeat(k, 0).repeat(k, 1)
    grid = np.zeros((item.shape[0] + d.rng.randint(1, 3), item.shape[1] + d.rng.randint(1, 3)), dtype=np.int64)
    return scatter(d, grid, [item])


def small_in_large(d: Draw) -> Array:
    """A small pattern of one colour on empty ground."""
    grid = d.blank(5)
    return scatter(d, grid, [d.chance((d.rng.randint(2, 3), d.rng.randint(2, 3)), 0.6) * np.int64(d.color())])


def corner_points(d: Draw) -> Array:
    """The corners of rectangles, each of one colour."""
    grid = d.blank(6)
    items = []
    most = max(5, min(grid.shape) // 2)
    for _ in range(d.rng.randint(1, 3)):
        item = np.zeros((d.rng.randint(3, most), d.rng.randint(3, most)), dtype=np.int64)
        color = d.params["a"] if d.kind < 0.5 else d.color()
        item[0, 0] = item[0, -1] = item[-1, 0] = item[-1, -1] = color
        items.append(item)
    return scatter(d, grid, items)
