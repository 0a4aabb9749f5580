"""What a program and its inputs must show: every step, every number, and nothing that a simpler program explains."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from soar.tasks.gym.grammar import HEADER, render
from soar.tasks.gym.inputs import Array, Draw
from soar.tasks.gym.neighbours import NUMBER, changed

# Programs are compiled by the thousand: what their header imports is imported once.
_IMPORTS, _, _START = HEADER.partition("def ")
_DEFINITION = f"def {_START}".replace("(grid)", "({})", 1)
_SCOPE: dict[str, object] = {}
exec(_IMPORTS, _SCOPE)

_SIMPLE = tuple(
    render([step])
    for step in (
        "flip_h($)",
        "flip_v($)",
        "rot90($)",
        "rot180($)",
        "rot270($)",
        "transpose($)",
        "anti_transpose($)",
        "crop($)",
        "$",
        "mirror_h($)",
        "mirror_v($)",
        "mirror4($)",
        "mirror4(rot180($))",
        "hstack(flip_h($), $)",
        "vstack(flip_v($), $)",
        "hstack($, rot180($))",
        "vstack($, rot180($))",
        "tile($, 1, 2)",
        "tile($, 2, 1)",
        "tile($, 2, 2)",
        "scale($, 2)",
        "sym_h($)",
        "sym_v($)",
        "sym4($)",
        "largest($)",
        "smallest($)",
        "fall_down($)",
    )
)


def compiled(body: str, parameters: Sequence[str] = ()) -> Callable[..., object]:
    """Return the program with this body as a function of a grid and of parameters that the body names."""
    found: dict[str, Callable[..., object]] = {}
    exec(compile(_DEFINITION.format(", ".join(("grid", *parameters))) + body, "<generated>", "exec"), _SCOPE, found)
    return found["transform"]


_kept = lru_cache(maxsize=4096)(compiled)


def run(body: str, grid: Array) -> Array | None:
    """What the program with this body makes of a grid; None if it fails or the result is not a grid (1-30, 0-9)."""
    return as_output(_kept(body), grid)


def as_output(program: Callable[..., object], grid: Array, **parameters: int) -> Array | None:
    """What a compiled program makes of a grid; None if it fails or the result is not a grid (1-30, 0-9)."""
    try:
        with np.errstate(all="ignore"):
            result = np.asarray(program(grid, **parameters))
    except (ValueError, IndexError, TypeError, ZeroDivisionError):  # what steps raise where they make no sense
        return None
    if result.ndim != 2 or not result.size or max(result.shape) > 30 or result.dtype.kind not in "iub":
        return None
    return result if result.min() >= 0 and result.max() <= 9 else None


def equal(a: Array | None, b: Array | None) -> bool:
    """Tell whether two grids are the same; None equals nothing."""
    return a is not None and b is not None and a.shape == b.shape and bool((a == b).all())


def _is_plain(output: Array, grid: Array, body: str) -> bool:
    """All one colour where the program is not meant to give that: nothing can be learned from it."""
    if output.size == 1 or output.min() != output.max():
        return False
    return not output.any() or (output.size == grid.size and "full(" not in body)


def draw_pairs(body: str, scene: Callable[[Draw], Array], draw: Draw, n: int) -> list[tuple[Array, Array]] | None:
    """n different inputs with outputs that are grids and not the input itself; None if they do not come."""
    pairs: list[tuple[Array, Array]] = []
    for _ in range(n + 6):
        grid = scene(draw)
        if max(grid.shape) > draw.side or grid.min() == grid.max():
            continue
        output = run(body, grid)
        if (
            output is None
            or _is_plain(output, grid, body)
            or equal(output, grid)
            or any(equal(grid, other) for other, _ in pairs)
        ):
            if not pairs and draw.rng.random() < 0.5:
                return None
            continue
        pairs.append((grid, output))
        if len(pairs) == n:
            return pairs
    return None


def _agree(body: str, pairs: list[tuple[Array, Array]]) -> int:
    """On how many of the pairs the program is right."""
    return sum(equal(run(body, grid), output) for grid, output in pairs)


def explains(body: str, pairs: list[tuple[Array, Array]]) -> bool:
    """Whether the program is right on all of the pairs."""
    return all(equal(run(body, grid), output) for grid, output in pairs)


def is_clear(rng: random.Random, steps: list[str], body: str, train: list[tuple[Array, Array]]) -> bool:
    """Every step and every constant shows in the pairs, and nothing simpler explains them."""
    if all(equal(train[0][1], output) for _, output in train[1:]):
        return False
    if len(steps) > 1:
        for i in range(len(steps)):
            if 2 * _agree(render(steps[:i] + steps[i + 1 :]), train) > len(train):
                return False
        if any(explains(simple, train) for simple in _SIMPLE):
            return False
    return not any(explains(changed(rng, body, at), train) for at in NUMBER.finditer(body))
