"""Turned, mirrored and recoloured inputs, at which a program gives more to learn from than at the task's own alone.

ARC solvers stretch few examples so (Akyürek et al. 2024, test-time training for abstract reasoning; not in SOAR). There
the outputs are changed like the inputs; here the program computes them, so whatever it does, it is right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from soar.tasks.task import Example, Task
from soar.tasks.values import COLOURS, Grid


@dataclass(frozen=True, slots=True)
class Symmetry:
    """One of the 8 symmetries of the square, and a permutation of the colours but 0, which is most often the ground.

    Attributes:
        turns: quarter turns, counterclockwise.
        mirrored: whether left and right are then exchanged.
        colours: what each of the colours from 0 becomes.
    """

    turns: int
    mirrored: bool
    colours: tuple[int, ...]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Return any of them, each as likely."""
        colours = (0, *(1 + rng.permutation(COLOURS - 1)).tolist())
        return cls(int(rng.integers(4)), bool(rng.integers(2)), colours)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the symmetry with this name."""
        return cls(int(text[0]), text[1] == "m", tuple(map(int, text[2:])))

    def __str__(self) -> str:
        """Its name, such as `1m0312456789`: turned once, mirrored, colours 1, 2, 3 become 3, 1, 2."""
        return f"{self.turns}{'m' if self.mirrored else '-'}{''.join(map(str, self.colours))}"

    def grid(self, grid: object) -> Grid:
        """Return the changed grid."""
        turned = np.rot90(np.array(grid), self.turns)
        changed: Grid = np.array(self.colours)[turned[:, ::-1] if self.mirrored else turned].tolist()
        return changed

    def task(self, task: Task) -> Task:
        """Return the task, whose values must be grids, with all of them changed and the test outputs left out."""
        train = (Example(self.grid(one.input), self.grid(one.output)) for one in task.train)
        test = (Example(self.grid(one.input), None) for one in task.test)
        return replace(task, train=tuple(train), test=tuple(test))
