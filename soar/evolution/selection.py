"""Which attempts to refine next, in other ways than REx: at random, the best, or two that complete each other."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from soar.core.custom import Custom, value_of
from soar.evolution.rex import C, Rex, Selector, refuse_empty, thetas

SelectorName: TypeAlias = Literal["rex", "uniform", "best", "crossover"]


class Uniform:
    """Every attempt is as likely as any other: what a choice by results has to beat."""

    def select(self, pool: Sequence[C], rng: np.random.Generator) -> tuple[C, ...]:
        """Return one parent. Raises ValueError where the pool is empty."""
        refuse_empty(pool)
        return (pool[int(rng.integers(len(pool)))],)

    def on_request(self, keys: Sequence[str], n: int) -> None:
        """What was asked before plays no part."""


class Best:
    """One of the attempts that solve most examples, each as likely: greedy, without a way back from a dead end."""

    def select(self, pool: Sequence[C], rng: np.random.Generator) -> tuple[C, ...]:
        """Return one parent. Raises ValueError where the pool is empty."""
        refuse_empty(pool)
        most = max(attempt.train_accuracy for attempt in pool)
        return Uniform().select([attempt for attempt in pool if attempt.train_accuracy == most], rng)

    def on_request(self, keys: Sequence[str], n: int) -> None:
        """What was asked before plays no part."""


class Crossover(Rex):
    """Two parents that together solve many examples.

    The first is drawn as REx draws it. For each other attempt q the accuracy of the pair h(p, q) is the share of the
    examples that p or q solves, and q is drawn by the law of REx with h(p, q) in place of h(q): where all else is
    equal, the parent that solves what the first does not is the likelier. A pool of one gives one parent.

    Args:
        c: C, the confidence in h; 20 in the paper.
    """

    def select(self, pool: Sequence[C], rng: np.random.Generator) -> tuple[C, ...]:
        """Return two parents, one where the pool has no more. Raises ValueError where it is empty."""
        (first,) = super().select(pool, rng)
        others = [attempt for attempt in pool if attempt.key != first.key]
        if not others:
            return (first,)
        covered = np.array([attempt.solved for attempt in others], bool) | np.array(first.solved, bool)
        h = covered.mean(axis=1)
        return first, others[int(thetas(h, self._counts(others), self.c, rng).argmax())]


def make_selector(option: SelectorName | Custom, c: float) -> Selector:
    """Return a fresh selector; `c` is for those that draw as REx does. Of one's own it is a copy."""
    given: SelectorName | Selector = value_of(option, "selector")
    if not isinstance(given, str):
        return copy.deepcopy(given)
    match given:
        case "rex":
            return Rex(c)
        case "uniform":
            return Uniform()
        case "best":
            return Best()
        case "crossover":
            return Crossover(c)
