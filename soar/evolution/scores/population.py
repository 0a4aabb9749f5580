"""Which programs are parents: islands in a ring, and on each a selector that goes by ranks."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np

from soar.evolution.rex import PoolMember
from soar.evolution.scores.config import EvolveConfig
from soar.evolution.selection import make_selector


@dataclass(frozen=True, slots=True)
class Member:
    """A program with a score.

    Attributes:
        step: its number in the run.
        value: its score, the larger the better whatever the direction.
        source: of the program.
    """

    step: int
    value: float
    source: str

    @property
    def order(self) -> tuple[float, int, int]:
        """The larger, the better: of equal scores the shorter program, then the earlier."""
        return self.value, -len(self.source), -self.step


class Population:
    """The islands of a run. What it holds depends on the order of `add` and `migrate` alone."""

    def __init__(self, config: EvolveConfig) -> None:
        self.size = config.population
        self.islands: list[dict[float, Member]] = [{} for _ in range(config.islands)]
        selector = make_selector(config.selector, config.rex_c)
        self.selectors = [copy.deepcopy(selector) for _ in range(config.islands)]
        self.best: Member | None = None

    def add(self, member: Member, island: int | None) -> None:
        """Take a program in: on an island, or (None) on all. Of those with its score the shortest stays."""
        if self.best is None or member.order > self.best.order:
            self.best = member
        for one in self.islands if island is None else [self.islands[island]]:
            other = one.get(member.value)
            if other is None or member.order > other.order:
                one[member.value] = member
            if len(one) > self.size:
                del one[min(one)]

    def migrate(self) -> None:
        """Let the best of each island be on the next one as well."""
        bests = [one[max(one)] if one else None for one in self.islands]
        for number, best in enumerate(bests):
            if best is not None:
                self.add(best, (number + 1) % len(self.islands))

    def select(self, island: int, rng: np.random.Generator) -> Member:
        """Return a parent. Raises ValueError where the island is empty."""
        members = sorted(self.islands[island].values(), key=lambda one: one.order)
        most = max(len(members) - 1, 1)
        pool = [
            PoolMember(str(one.step), (at if at else len(members) == 1) / most, ()) for at, one in enumerate(members)
        ]
        (chosen,) = self.selectors[island].select(pool, rng)
        return next(one for one in members if str(one.step) == chosen.key)

    def note(self, island: int, parents: tuple[int, ...]) -> None:
        """Take note that a program is made of these, named by their steps."""
        self.selectors[island].on_request([str(step) for step in parents], 1)

    def others(self, island: int, but: int, n: int) -> list[Member]:
        """Return the best of an island, without one, the best first."""
        members = sorted(self.islands[island].values(), key=lambda one: one.order, reverse=True)
        return [one for one in members if one.step != but][:n]
