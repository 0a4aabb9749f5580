"""Which attempt to refine next: REx, refinement as a bandit (Tang et al. 2024), as SOAR uses it (section 3.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from soar.archive.records import input_hash
from soar.programs.program import Attempt


class Candidate(Protocol):
    """What a selector knows of an attempt; `soar.programs.program.Attempt` is one."""

    @property
    def key(self) -> str:
        """Unique within the task."""
        ...

    @property
    def fitness(self) -> float:
        """How good it is, in [0, 1]: the share of the examples that it solves, see `soar.programs.scoring.Score`."""
        ...

    @property
    def solved(self) -> tuple[bool, ...]:
        """For each example whether it is solved."""
        ...


class PoolMember(NamedTuple):
    """What the pools of a search keep of an attempt: the rest is in the archive, thousands of times larger.

    Attributes:
        key, fitness, solved: as a `Candidate` has them.
        nearness: mean share of cells that are right, see `Attempt.pixel_accuracy`.
        behaviour: hash of what it gives on all inputs; programs that do the same have the same.
    """

    key: str
    fitness: float
    solved: tuple[bool, ...]
    nearness: float = 0.0
    behaviour: bytes = b""

    @classmethod
    def of(cls, attempt: Attempt) -> Self:
        """Keep what is needed of an attempt."""
        outputs = [outcome.value for outcome in (*attempt.train, *attempt.test)]
        return cls(attempt.key, attempt.fitness, attempt.solved, attempt.pixel_accuracy, input_hash(outputs))


C = TypeVar("C", bound=Candidate)


class Selector(Protocol):
    """Picks what to refine."""

    def select(self, pool: Sequence[C], rng: np.random.Generator) -> tuple[C, ...]:
        """Return the parents of the next refinement, out of a pool of refinable attempts.

        Raises:
            ValueError: the pool is empty.
        """
        ...

    def on_request(self, keys: Sequence[str], n: int) -> None:
        """Take note that `n` completions are requested which refine the attempts with these keys."""
        ...


class Rex:
    """Thompson sampling: draw theta(p) ~ Beta(1 + C h(p), 1 + C (1 - h(p)) + n(p)) for each p, refine the largest.

    h(p), the fitness, is the fraction of examples that p solves, n(p) the number of completions already requested for
    p: an attempt that was refined often without a better one to show for it gives way to others. As the paper's text
    has it, n grows when completions are requested (the authors' code never raises it).

    Args:
        c: C, the confidence in h(p); 20 in the paper.
    """

    def __init__(self, c: float = 20) -> None:
        self.c = c
        self._asked: dict[str, int] = {}

    def select(self, pool: Sequence[C], rng: np.random.Generator) -> tuple[C, ...]:
        """Return one parent. Raises ValueError where the pool is empty."""
        refuse_empty(pool)
        h = np.fromiter((attempt.fitness for attempt in pool), float, len(pool))
        return (pool[int(thetas(h, counted(pool, self._asked), self.c, rng).argmax())],)

    def on_request(self, keys: Sequence[str], n: int) -> None:
        """Take note that `n` completions are requested which refine the attempts with these keys."""
        for key in keys:
            self._asked[key] = self._asked.get(key, 0) + n

    def metrics(self) -> dict[str, float]:
        """Return how many attempts were refined, how many completions requested, and the most for one attempt."""
        counts = self._asked.values()
        return {"parents": len(counts), "asked": sum(counts), "most_asked": max(counts, default=0)}


def thetas(h: NDArray[np.float64], n: NDArray[np.float64], c: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw theta ~ Beta(1 + c h, 1 + c (1 - h) + n) for each of the accuracies `h`, in [0, 1], and counts `n`."""
    return rng.beta(1 + c * h, 1 + c * (1 - h) + n)


def counted(pool: Sequence[C], asked: Mapping[str, int]) -> NDArray[np.float64]:
    """Return how many completions were requested for each attempt of a pool, by its key."""
    return np.fromiter((asked.get(attempt.key, 0) for attempt in pool), float, len(pool))


def refuse_empty(pool: Sequence[C]) -> None:
    """Raise ValueError where the pool is empty."""
    if not pool:
        raise ValueError("nothing to choose from: the pool is empty")
