"""Programs near those that come nearest, made without a model."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from soar.evolution.rex import PoolMember
from soar.programs.neighbours import one_edit, one_step_more
from soar.programs.program import Attempt
from soar.tasks.task import Task

NEAREST = 8  # distinct behaviours whose programs are changed


@runtime_checkable
class Proposer(Protocol):
    """Makes programs of earlier ones without a model; else as an `Operator`.

    Attributes:
        name: what the archive records.
    """

    name: str

    def parents(self, pool: Sequence[PoolMember], rng: np.random.Generator) -> tuple[PoolMember, ...]:
        """Return what the next programs are made of, out of a pool that is not empty; none where there is nothing."""
        ...

    def on_request(self, keys: Sequence[str], n: int) -> None:
        """Take note that `n` programs are made of the attempts with these keys."""
        ...

    def propose(self, task: Task, parents: Sequence[Attempt], rng: np.random.Generator, keep: str) -> Iterator[str]:
        """Yield sources of programs, those to be tried first in front. Only those that do something new are kept.

        Args:
            task: without test outputs.
            parents: what `parents` chose.
            rng: keyed by the request's place.
            keep: programs that begin with this text must go on doing so: what the prompt has written of each reply.
        """
        ...


class Mutate:
    """A change to one of the nearest programs, or one step more: what a model need not be asked for.

    Parents are the eight nearest distinct behaviours that do not solve all examples, each in its turn. Half of what is
    tried are neighbours by one edit, half have a step of `soar.grids` behind them, where the task is one of grids; each
    half in random order.
    """

    name = "mutate"

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()

    def parents(self, pool: Sequence[PoolMember], rng: np.random.Generator) -> tuple[PoolMember, ...]:
        """Return one parent; none where every program solves the examples."""
        first: dict[bytes, PoolMember] = {}
        for member in pool:
            if not all(member.solved):
                first.setdefault(member.behaviour, member)
        nearest = sorted(first.values(), key=lambda one: (-one.nearness, -one.fitness))[:NEAREST]
        return (min(nearest, key=lambda one: self._asked[one.key]),) if nearest else ()

    def on_request(self, keys: Sequence[str], n: int) -> None:
        """Take note that the parent had its turn."""
        self._asked.update(keys)

    def propose(self, task: Task, parents: Sequence[Attempt], rng: np.random.Generator, keep: str) -> Iterator[str]:
        """Yield neighbours of the parent and the parent with a step more, by turns."""
        program = parents[0].program
        if program is None:
            return
        edited = one_edit(program.source, rng, keep)
        longer = one_step_more(program.source, _colors(task), rng) if task.is_grid else iter(())
        for pair in itertools.zip_longest(edited, longer):
            yield from (one for one in pair if one is not None)


def _colors(task: Task) -> list[int]:
    grids = [grid for example in task.train for grid in (example.input, example.output)]
    return sorted({int(cell) for grid in grids for row in grid for cell in row})  # type: ignore[union-attr, arg-type]
