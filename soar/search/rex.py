"""Which attempt to refine next: REx, refinement as a bandit (Tang et al. 2024), as SOAR uses it (section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from soar.program import Attempt


class Selector(Protocol):
    """Picks what to refine."""

    def select(self, pool: Sequence[Attempt], rng: np.random.Generator) -> tuple[Attempt, ...]:
        """Return the parents of the next refinement, out of a pool of refinable attempts.

        Raises:
            ValueError: the pool is empty.
        """
        ...


class Rex:
    """Thompson sampling: draw theta(p) ~ Beta(1 + C h(p), 1 + C (1 - h(p)) + n(p)) for each p, refine the largest.

    h(p) is the fraction of examples that p solves, n(p) the number of completions already requested for p: an attempt
    that was refined often without a better one to show for it gives way to others. As the paper's text has it, n grows
    when completions are requested (the authors' code never raises it).

    Args:
        c: C, the confidence in h(p); 20 in the paper.
    """

    def __init__(self, c: float = 20) -> None:
        self.c = c
        self._asked: dict[str, int] = {}

    def select(self, pool: Sequence[Attempt], rng: np.random.Generator) -> tuple[Attempt, ...]:
        """Return one parent. Raises ValueError where the pool is empty."""
        if not pool:
            raise ValueError("nothing to choose from: the pool is empty")
        h = np.fromiter((attempt.train_accuracy for attempt in pool), float, len(pool))
        n = np.fromiter((self._asked.get(attempt.key, 0) for attempt in pool), float, len(pool))
        theta = rng.beta(1 + self.c * h, 1 + self.c * (1 - h) + n)
        return (pool[int(theta.argmax())],)

    def asked(self, keys: Sequence[str], n: int) -> None:
        """Take note that `n` completions are requested which refine the attempts with these keys."""
        for key in keys:
            self._asked[key] = self._asked.get(key, 0) + n

    def metrics(self) -> dict[str, float]:
        """Return how many attempts were refined, how many completions requested, and the most for one attempt."""
        counts = self._asked.values()
        return {"parents": len(counts), "asked": sum(counts), "most_asked": max(counts, default=0)}
