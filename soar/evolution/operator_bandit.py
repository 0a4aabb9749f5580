"""Which operator makes the next request: those that have brought something come more often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from soar.evolution.rex import PoolMember


class Come(Protocol):
    """What came of a request: see `OperatorBandit.learn`."""

    @property
    def operator(self) -> str: ...
    @property
    def parents(self) -> tuple[str, ...]: ...
    @property
    def members(self) -> list[PoolMember]: ...


class OperatorBandit:
    """Thompson sampling over an island's operators: draw theta ~ Beta(1 + successes, 1 + failures), take the largest.

    A request succeeds where one of its programs is fitter than every program before, or does something new that comes
    nearer than the parents that it was made of. All that is needed lies in the archive: the operator of each request,
    its parents, and what its programs did; so a search that goes on decides as it would have.

    Thompson sampling with Beta counts is Chapelle and Li's (NeurIPS 2011); credit by improvement over the parents is
    usual where operators are chosen adaptively (Fialho et al. 2010).

    Args:
        samples: what can be refined before any request of the island.
    """

    def __init__(self, samples: Sequence[PoolMember]) -> None:
        self._known = {member.key: member for member in samples}
        self._behaviours = {member.behaviour for member in samples}
        self._best = max((member.fitness for member in samples), default=0.0)
        self._counts: dict[str, tuple[int, int]] = {}
        self._learnt = 0

    def choose(self, names: Sequence[str], rng: np.random.Generator) -> str:
        """Return one of the operators' names."""
        counts = np.array([self._counts.get(name, (0, 0)) for name in names])
        return names[int(rng.beta(1 + counts[:, 0], 1 + counts[:, 1]).argmax())]

    def catch_up(self, come: Sequence[Come]) -> None:
        """Learn from the requests that were not learnt from before, in their order.

        Args:
            come: all requests of the island so far.
        """
        for one in come[self._learnt :]:
            self.learn(one.operator, one.parents, one.members)
        self._learnt = len(come)

    def learn(self, operator: str, parents: Sequence[str], members: Sequence[PoolMember]) -> None:
        """Take note of what came of a request.

        Args:
            operator: that made it.
            parents: keys of what it was made of.
            members: those of its attempts that can be refined.
        """
        near = max((self._known[key].nearness for key in parents if key in self._known), default=0.0)
        success = any(
            member.fitness > self._best or (member.behaviour not in self._behaviours and member.nearness > near)
            for member in members
        )
        won, lost = self._counts.get(operator, (0, 0))
        self._counts[operator] = (won + success, lost + (not success))
        self._known |= {member.key: member for member in members}
        self._behaviours |= {member.behaviour for member in members}
        self._best = max([self._best, *(member.fitness for member in members)])
