"""Drawing of input grids made of parts, side by side or between lines."""

from __future__ import annotations

import numpy as np

from soar.tasks.gym.inputs import Array, Draw


def _part(d: Draw, shape: tuple[int, int], color: int) -> Array:
    return d.chance(shape, d.rng.uniform(0.3, 0.65)) * np.int64(color)


def _part_size(d: Draw, parts: int) -> tuple[int, int]:
    """Height and width of one of several parts that lie side by side."""
    if d.fixed is None or not d.same_size:
        cells = d.area / parts
        most = max(2, min(12, (d.side + 1) // parts - 1))
        height = d.rng.randint(2, max(2, min(d.side, 12, int(cells**0.5 * 1.3))))
        width = height if d.rng.random() < 0.4 else d.rng.randint(2, max(2, int(cells / height)))
        d.fixed = (height, min(most, width))
    return d.fixed


def _line_up(d: Draw, parts: list[Array]) -> Array:
    pieces = []
    for i, part in enumerate(parts):
        if i:
            pieces.append(np.full((part.shape[0], 1), d.params["line"]))
        pieces.append(part)
    grid = np.hstack(pieces)
    return grid.T if d.params["turn"] else grid


def halves(d: Draw, n: int = 2, line: bool = False) -> Array:
    """n parts side by side, each of a colour of its own; with `line`, separated by columns of one colour."""
    shape = _part_size(d, n)
    pieces = []
    for i in range(n):
        if line and i:
            pieces.append(np.full((shape[0], 1), d.params["line"]))
        pieces.append(_part(d, shape, d.palette[i % len(d.palette)] if d.kind < 0.7 else d.params["a"]))
    return np.hstack(pieces)


def halves_h(d: Draw) -> Array:
    """Two parts side by side."""
    return halves(d)


def halves_v(d: Draw) -> Array:
    """Two parts below each other."""
    return halves(d).T


def lined(d: Draw) -> Array:
    """Two parts, side by side or below each other, with a line between them."""
    grid = halves(d, 2, line=True)
    return grid.T if d.params["turn"] else grid


def lined_many(d: Draw) -> Array:
    """Three or four parts with lines between them."""
    grid = halves(d, d.params["parts"], line=True)
    return grid.T if d.params["turn"] else grid


def lined_three(d: Draw) -> Array:
    """Three parts with lines between them."""
    grid = halves(d, 3, line=True)
    return grid.T if d.params["turn"] else grid


def lined_alike(d: Draw) -> Array:
    """Two parts with a line between, the same in half the cases."""
    first = _part(d, _part_size(d, 2), d.params["a"])
    second = first if d.rng.random() < 0.5 else _part(d, (first.shape[0], first.shape[1]), d.params["a"])
    return _line_up(d, [first, second])


def lined_full(d: Draw) -> Array:
    """Two parts with a line between, coloured alike in most cells."""
    shape = _part_size(d, 2)
    first = d.pick(d.palette[:3], shape)
    return _line_up(d, [first, np.where(d.chance(shape, 0.4), d.pick(d.palette[:3], shape), first)])


def lined_or_not(d: Draw) -> Array:
    """Two parts in a way that fits the drawn orientation, with a line in two tasks of three."""
    grid = halves(d, 2, line=d.kind < 0.66)
    return grid.T if d.params["turn"] else grid


def thirds_h(d: Draw) -> Array:
    """Three parts side by side."""
    return halves(d, 3)


def thirds_v(d: Draw) -> Array:
    """Three parts below each other."""
    return halves(d, 3).T


def quarters(d: Draw) -> Array:
    """Four parts in two rows, each of a colour of its own."""
    shape = _part_size(d, 2)
    shape = (max(2, shape[0] // 2 + 1), shape[1])
    pieces = [_part(d, shape, d.palette[i % len(d.palette)]) for i in range(4)]
    return np.block([pieces[:2], pieces[2:]])


def lattice(d: Draw) -> Array:
    """Parts in rows and columns with lines between, at least one cell coloured in each but some."""
    ny, nx = d.params["ny"], d.params["nx"]
    side = max(1, min(6, (d.side + 1) // max(ny, nx) - 1, int((d.area**0.5 + 1) / max(ny, nx)) - 1))
    h, w = d.rng.randint(max(1, side - 1), side), d.rng.randint(max(1, side - 1), side)
    grid = np.zeros((ny * (h + 1) - 1, nx * (w + 1) - 1), dtype=np.int64)
    for i in range(ny):
        for j in range(nx):
            if d.rng.random() < 0.75:
                part = grid[i * (h + 1) : i * (h + 1) + h, j * (w + 1) : j * (w + 1) + w]
                part[d.chance((h, w), d.rng.choice((0.2, 0.5, 0.8)))] = d.rng.choice(d.palette)
    grid[h :: h + 1] = d.params["line"]
    grid[:, w :: w + 1] = d.params["line"]
    return grid


def one_odd(d: Draw) -> Array:
    """Parts between lines, all but one the same."""
    shape, n = _part_size(d, d.params["parts"]), d.params["parts"]
    common = _part(d, shape, d.params["a"])
    odd = _part(d, shape, d.params["a"])
    parts = [common] * (n - 1)
    parts.insert(d.rng.randrange(n), odd)
    return _line_up(d, parts)


def one_symmetric(d: Draw) -> Array:
    """Parts below each other between lines, one of them its own left-right mirror image."""
    n = d.params["parts"]
    width, height = _part_size(d, n)
    parts = [_part(d, (height, max(3, width)), d.params["a"]) for _ in range(n)]
    which = d.rng.randrange(n)
    for i, part in enumerate(parts):
        if (i == which) == (d.kind < 0.5):
            part |= part[:, ::-1].copy()
    line = np.full((1, parts[0].shape[1]), d.params["line"])
    return np.vstack([row for part in parts for row in (line, part)][1:])


def lined_alike_many(d: Draw) -> Array:
    """Three or four parts with lines between, each the same but for a few cells."""
    n = d.params["parts"]
    common = d.pick([0, *d.palette[:2]], _part_size(d, n))
    return _line_up(d, [np.where(d.noise.random(common.shape) < 0.12, d.color(), common) for _ in range(n)])


def lined_alike_cells(d: Draw) -> Array:
    """Two parts with a line between, coloured alike in half of their cells."""
    shape = _part_size(d, 2)
    first, second = (d.pick([0, *d.palette[:3]], shape) for _ in range(2))
    return _line_up(d, [first, np.where(d.chance(shape, 0.5), first, second)])
