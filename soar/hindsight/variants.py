"""Programs at other inputs: whatever they give there, they are right (hindsight, beyond SOAR).

More rows from a solution: half at the task's own inputs, turned, mirrored and recoloured, half at those of other tasks
that were searched. And rows of programs that solve nothing, at such changed inputs instead of the task's own: a small
model learns by heart which programs it saw beside which inputs, right or not. Measured: docs/training.md.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from soar.archive.records import task_inputs
from soar.hindsight.scan import Candidate
from soar.hindsight.symmetry import Symmetry
from soar.programs.program import Program
from soar.programs.rules import Rule, broken_rules
from soar.sandbox.outcome import Outcome
from soar.tasks.task import Task
from soar.tasks.values import canonical_json

AugmentBy: TypeAlias = Literal["even", "difficulty"]
AUGMENT_BY: tuple[AugmentBy, ...] = get_args(AugmentBy)


@dataclass(frozen=True, slots=True)
class Variant:
    """A program and the inputs at which it is to be run.

    Attributes:
        candidate: the program.
        found_at: id of the task that it was found at.
        task: the task whose inputs they are.
        symmetry: how they were changed; None: not at all.
        shown: the task with those inputs.
    """

    candidate: Candidate
    found_at: str
    task: Task
    symmetry: Symmetry | None
    shown: Task

    @property
    def inputs(self) -> list[Any]:
        """Of the examples, then of the tests."""
        return task_inputs(self.shown)

    @property
    def name(self) -> tuple[str, str]:
        """Equal for variants that show the same."""
        return self.candidate.source, canonical_json(self.inputs)

    def accuracies(self, outcomes: Sequence[Outcome]) -> tuple[float, float | None]:
        """The shares of the task's examples, and of its tests where they are known, that the program solves."""
        if self.symmetry is not None:
            return self.candidate.train_accuracy, self.candidate.test_accuracy
        pairs = zip(outcomes, (*self.task.train, *self.task.test), strict=True)
        solved = [self.task.right(outcome.value, example.output) for outcome, example in pairs]
        train, test = solved[: len(self.task.train)], solved[len(self.task.train) :]
        known = all(example.output is not None for example in self.task.test)
        return sum(train) / len(train), sum(test) / len(test) if known and test else None

    def fits(self, outcomes: Sequence[Outcome], rules: Collection[Rule]) -> bool:
        """Whether the program gave an output for every input and broke no rule."""
        train, test = outcomes[: len(self.shown.train)], outcomes[len(self.shown.train) :]
        ran = all(outcome.status == "ok" for outcome in outcomes)
        return ran and not broken_rules(self.shown, Program(self.candidate.source), train, test, rules)


def draw_variants(
    task: Task, programs: Sequence[Candidate], others: Sequence[Task], n: int, rng: np.random.Generator
) -> list[Variant]:
    """Return `n` variants of each program of a task of grids.

    They are at the task's own inputs, changed, and at those of one of the `others`, in turn; without others at its own.
    """
    drawn = []
    for program in programs:
        for number in range(n):
            if number % 2 and others:
                other = others[int(rng.integers(len(others)))]
                drawn.append(Variant(program, task.id, other, None, other.without_test_outputs()))
            else:
                symmetry = Symmetry.draw(rng)
                drawn.append(Variant(program, task.id, task, symmetry, symmetry.task(task)))
    return drawn
