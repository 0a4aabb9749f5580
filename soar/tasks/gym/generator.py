"""Endless generated tasks: a random program over `soar.grids`, and input grids on which it shows what it does.

No task, grid or solution of any benchmark goes into them.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from soar.tasks.gym import families, families_combined, families_dense, families_scene, families_steps
from soar.tasks.gym.grammar import HEADER, Family, draw_params, fill, in_steps, new_draw, render
from soar.tasks.gym.inputs import Array, Draw
from soar.tasks.gym.neighbours import NUMBER, broken, changed

__all__ = ["FAMILIES", "HEADER", "GeneratedTask", "Grid", "generate", "run"]

Grid = list[list[int]]
Pair = tuple[Grid, Grid]

# Groups with a factor on the weights of their families: most puzzles of this kind keep the size of their grids.
_GROUPS = (
    (0.6, (*families.GEOMETRY, *families_scene.PARTS, *families_steps.PART_STEPS, *families_dense.GEOMETRY_STEPS)),
    (0.8, (*families_combined.COMBINED, *families.COLOR)),
    (1.2, (*families_scene.OBJECTS, *families_dense.COLOR_STEPS, *families_steps.OBJECT_STEPS)),
    (1.5, (*families_scene.DRAWING, *families_steps.DRAWING_STEPS)),
    (1.2, (*families_scene.PATTERNS, *families_dense.PATTERN_STEPS, *families_dense.GROUND_STEPS)),
)
FAMILIES: tuple[Family, ...] = tuple(family for _, group in _GROUPS for family in group)
_FOLLOWERS = tuple(family for family in (*FAMILIES, *families_scene.AFTER) if family.follow)
_WEIGHTS = list(itertools.accumulate(factor * family.weight for factor, group in _GROUPS for family in group))
_FOLLOW_WEIGHTS = list(itertools.accumulate(family.follow for family in _FOLLOWERS))

# Programs are compiled by the thousand: what their header imports is imported once.
_IMPORTS, _, _START = HEADER.partition("def ")
_DEFINITION = f"def {_START}"
_SCOPE: dict[str, object] = {}
exec(_IMPORTS, _SCOPE)

# Two of these in one program are a third one: such programs have shorter twins.
_TURNS = {"flip_h", "flip_v", "rot90", "rot180", "rot270", "transpose", "anti_transpose"}

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


@dataclass(frozen=True, slots=True)
class GeneratedTask:
    """A task with its program, and, for refinement, a wrong program with what it gives on train and test inputs."""

    train: list[Pair]
    test: list[Pair]
    body: str
    family: str
    parent_body: str | None
    parent_outputs: list[Grid | None]


@lru_cache(maxsize=4096)
def _compiled(body: str) -> Callable[[Array], object]:
    found: dict[str, Callable[[Array], object]] = {}
    exec(compile(_DEFINITION + body, "<generated>", "exec"), _SCOPE, found)
    return found["transform"]


def run(body: str, grid: Array) -> Array | None:
    """What the program with this body makes of a grid; None if it fails or the result is not a grid (1-30, 0-9)."""
    try:
        with np.errstate(all="ignore"):
            result = np.asarray(_compiled(body)(grid))
    except (ValueError, IndexError, TypeError, ZeroDivisionError):  # what steps raise where they make no sense
        return None
    if result.ndim != 2 or not result.size or max(result.shape) > 30 or result.dtype.kind not in "iub":
        return None
    return result if result.min() >= 0 and result.max() <= 9 else None


def _equal(a: Array | None, b: Array | None) -> bool:
    return a is not None and b is not None and a.shape == b.shape and bool((a == b).all())


def _steps(rng: random.Random, family: Family, draw: Draw, followed: bool) -> list[str]:
    steps, turned = in_steps(fill(rng, family, draw.params)), family.name in _TURNS
    if not followed:
        return steps
    more = rng.random()
    for _ in range(min(0 if more < 0.55 else 1 if more < 0.9 else 2, 3 - len(steps))):
        params = dict(draw.params)
        if str(params["b"]) in steps[-1] and rng.random() < 0.5:
            params["a"] = params["b"]
        params["b"] = params["b2"]
        follower = rng.choices(_FOLLOWERS, cum_weights=_FOLLOW_WEIGHTS)[0]
        while turned and follower.name in _TURNS:
            follower = rng.choices(_FOLLOWERS, cum_weights=_FOLLOW_WEIGHTS)[0]
        turned = turned or follower.name in _TURNS
        steps.append(fill(rng, follower, params))
    return steps


def _is_plain(output: Array, grid: Array, body: str) -> bool:
    """All one colour where the program is not meant to give that: nothing can be learned from it."""
    if output.size == 1 or output.min() != output.max():
        return False
    return not output.any() or (output.size == grid.size and "full(" not in body)


def _pairs(body: str, scene: Callable[[Draw], Array], draw: Draw, n: int) -> list[tuple[Array, Array]] | None:
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
            or _equal(output, grid)
            or any(_equal(grid, other) for other, _ in pairs)
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
    return sum(_equal(run(body, grid), output) for grid, output in pairs)


def _explains(body: str, pairs: list[tuple[Array, Array]]) -> bool:
    """Whether the program is right on all of the pairs."""
    return all(_equal(run(body, grid), output) for grid, output in pairs)


def _is_clear(rng: random.Random, steps: list[str], body: str, train: list[tuple[Array, Array]]) -> bool:
    """Every step and every constant shows in the pairs, and nothing simpler explains them."""
    if all(_equal(train[0][1], output) for _, output in train[1:]):
        return False
    if len(steps) > 1:
        for i in range(len(steps)):
            if 2 * _agree(render(steps[:i] + steps[i + 1 :]), train) > len(train):
                return False
        if any(_explains(simple, train) for simple in _SIMPLE):
            return False
    return not any(_explains(changed(rng, body, at), train) for at in NUMBER.finditer(body))


def _parent(
    rng: random.Random,
    draw: Draw,
    steps: list[str],
    body: str,
    train: list[tuple[Array, Array]],
    inputs: list[Array],
) -> tuple[str, list[Grid | None]] | None:
    for _ in range(12):
        follower = rng.choices(_FOLLOWERS, cum_weights=_FOLLOW_WEIGHTS)[0]
        extra = fill(rng, follower, draw_params(rng, draw.palette))
        parent = broken(rng, steps, body, extra)
        if parent == body:
            continue
        outputs = [run(parent, grid) for grid in inputs]
        valid = [output for output in outputs if output is not None]
        if len(valid) == len(outputs) and not all(
            _equal(output, right) for output, (_, right) in zip(outputs, train, strict=False)
        ):
            return parent, [output.astype(int).tolist() for output in valid]
    return None


def attempt(
    rng: random.Random,
    family: Family,
    max_side: int,
    max_cells_total: int,
    refinement: bool,
    followed: bool = True,
) -> GeneratedTask | None:
    """Draw a program that begins with the family, and inputs for it; None if that makes no good task.

    With `followed` steps of other families may come after it.
    """
    n_train, n_test = rng.choice((2, 2, 3, 3, 3, 3, 3, 3, 4, 4, 4, 5)), 1 if rng.random() < 0.9 else 2
    budget = max_cells_total * rng.uniform(0.7, 1.0)
    draw = new_draw(rng, family, budget / (n_train + n_test), max_side)
    steps = _steps(rng, family, draw, followed)
    body = render(steps)
    pairs = _pairs(body, family.scene, draw, n_train + n_test)
    if pairs is None:
        return None
    train, test = pairs[:n_train], pairs[n_train:]
    cells = sum(grid.size + output.size for grid, output in train) + sum(grid.size for grid, _ in test)
    if cells > max_cells_total or not _is_clear(rng, steps, body, train):
        return None
    parent = _parent(rng, draw, steps, body, train, [grid for grid, _ in pairs]) if refinement else None
    if refinement and parent is None:
        return None
    as_lists: list[Pair] = [(grid.tolist(), output.astype(int).tolist()) for grid, output in pairs]
    parent_body, parent_outputs = parent or (None, [])
    return GeneratedTask(as_lists[:n_train], as_lists[n_train:], body, family.name, parent_body, parent_outputs)


def generate(
    rng: random.Random,
    *,
    max_side: int = 12,
    max_cells_total: int = 600,
    refinement: bool = False,
) -> GeneratedTask:
    """Draw a task: 2-5 training pairs, 1-2 test pairs, and the one- to three-step program that made them.

    No input side is longer than `max_side`; all training grids and test inputs together have at most
    `max_cells_total` cells. With `refinement` a wrong program near the right one comes along: it gives a grid
    for every input and is wrong on at least one training pair. The same `rng` state gives the same task.
    """
    if max_side < 8 or max_cells_total < 200:
        raise ValueError("tasks need max_side >= 8 and max_cells_total >= 200")
    while True:
        family = rng.choices(FAMILIES, cum_weights=_WEIGHTS)[0]
        for _ in range(12):  # families in which most draws are rejected shall not become rare
            task = attempt(rng, family, max_side, max_cells_total, refinement)
            if task is not None:
                return task
