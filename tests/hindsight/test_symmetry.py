from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from soar.hindsight.symmetry import Symmetry
from soar.tasks.task import Example, Task

SIZES = st.integers(1, 6)
GRIDS = st.builds(
    lambda height, width, seed: np.random.default_rng(seed).integers(0, 10, (height, width)).tolist(),
    SIZES, SIZES, st.integers(0, 99),
)  # fmt: skip
SAME = tuple(range(10))


@given(GRIDS, st.integers(0, 99))
def test_a_symmetry_moves_and_recolours_cells_and_no_more(grid: list[list[int]], seed: int) -> None:
    symmetry = Symmetry.draw(np.random.default_rng(seed))
    moved = symmetry.grid(grid)
    recoloured = Counter(symmetry.colours[cell] for row in grid for cell in row)
    assert Counter(cell for row in moved for cell in row) == recoloured
    assert sorted((len(moved), len(moved[0]))) == sorted((len(grid), len(grid[0])))
    assert symmetry.colours[0] == 0 and sorted(symmetry.colours) == [*SAME]
    assert Symmetry.parse(str(symmetry)) == symmetry


def test_there_are_eight_positions() -> None:
    grid = [[1, 2, 3], [4, 5, 6]]
    positions = {str(Symmetry(turns, mirrored, SAME).grid(grid)) for turns in range(4) for mirrored in (False, True)}
    assert len(positions) == 8 and str(grid) in positions
    assert Symmetry(1, False, SAME).grid(grid) == [[3, 6], [2, 5], [1, 4]]
    assert Symmetry(0, True, SAME).grid(grid) == [[3, 2, 1], [6, 5, 4]]


def test_a_moved_task_does_not_tell_its_answer() -> None:
    task = Task("t", (Example([[1, 0]], [[0, 1]]),), (Example([[2, 0]], [[0, 2]]),))
    moved = Symmetry(1, False, (0, 3, 1, 2, *SAME[4:])).task(task)
    assert moved == Task("t", (Example([[0], [3]], [[3], [0]]),), (Example([[0], [1]], None),))
