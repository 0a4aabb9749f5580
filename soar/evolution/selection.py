"""Which attempts to refine next, in other ways than REx: at random, or the best."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from soar.core.custom import Custom, value_of
from soar.evolution.rex import C, Rex, Selector, refuse_empty

SelectorName: TypeAlias = Literal["rex", "uniform", "best"]


class Uniform:
    """Every attempt is as likely as any other: what a choice by results has to beat."""

    def select(self, pool: Sequence[C], rng: np.random.Generator) -> tuple[C, ...]:
        """Return one parent. Raises ValueError where the pool is empty."""
        refuse_empty(pool)
        return (pool[int(rng.integers(len(pool)))],)

    def on_request(self, keys: Sequence[str], n: int) -> None:
        """What was asked before plays no part."""


class Best:
    """One of the fittest attempts, each as likely: greedy, without a way back from a dead end."""

    def select(self, pool: Sequence[C], rng: np.random.Generator) -> tuple[C, ...]:
        """Return one parent. Raises ValueError where the pool is empty."""
        refuse_empty(pool)
        most = max(attempt.fitness for attempt in pool)
        return Uniform().select([attempt for attempt in pool if attempt.fitness == most], rng)

    def on_request(self, keys: Sequence[str], n: int) -> None:
        """What was asked before plays no part."""


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
