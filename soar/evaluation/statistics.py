"""Estimates with intervals: pass@k, bootstrap over tasks and seeds, McNemar's test."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from soar.core.seeding import keyed_rng

RESAMPLES = 2000
CONFIDENCE = 0.95

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95% interval."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        """`{"value": ..., "low": ..., "high": ...}`."""
        return {"value": self.value, "low": self.low, "high": self.high}


def pass_at_k(n: int, correct: int, k: int) -> float:
    """The chance that at least one of k completions, drawn from n without replacement, is correct.

    1 - C(n - correct, k) / C(n, k): the unbiased estimator of Chen et al. (2021), "Evaluating large language models
    trained on code", equation 1, as a product that neither overflows nor cancels.

    Args:
        n: completions made, at least k.
        correct: of them right, 0 to n.
        k: completions that may be shown, at least 1.

    Raises:
        ValueError: not 1 <= k <= n, or not 0 <= correct <= n.
    """
    if not (1 <= k <= n and 0 <= correct <= n):
        raise ValueError(f"pass@k needs 1 <= k <= n and 0 <= correct <= n, not n={n}, correct={correct}, k={k}")
    if n - correct < k:
        return 1.0
    return 1.0 - math.prod(1.0 - k / i for i in range(n - correct + 1, n + 1))


def bootstrap(values: ArrayLike, weights: ArrayLike | None = None, *, seed: int = 0) -> Estimate | None:
    """Return sum(values) / sum(weights) over tasks with its 95% percentile interval; None where no weight is.

    Tasks are resampled with replacement, and where there are several seeds, seeds independently of them: the
    pigeonhole bootstrap for crossed factors (Owen 2007), which takes into account that one seed's adapter serves all
    tasks. A ratio of sums is resampled as a ratio. The same seed and number of tasks give the same draws for every
    figure, so that figures can be compared.

    Args:
        values: numerators, shape (tasks,) or (seeds, tasks).
        weights: denominators of the same shape; None: 1 each, so that the figure is a mean; 0 leaves one out.
        seed: of the draws.
    """
    top = _table(values)
    bottom = np.ones_like(top) if weights is None else _table(weights)
    return None if not bottom.sum() else _estimate(*_ratios(top, bottom, seed))


def bootstrap_difference(
    a: tuple[ArrayLike, ArrayLike], b: tuple[ArrayLike, ArrayLike], *, seed: int = 0
) -> Estimate | None:
    """Return figure b less figure a, each (values, weights) of the same tasks and seeds, resampled together.

    None where one of them has no weight. See `bootstrap`.
    """
    tables = [(_table(values), _table(weights)) for values, weights in (a, b)]
    if not all(bottom.sum() for _, bottom in tables):
        return None
    (value_a, draws_a), (value_b, draws_b) = (_ratios(top, bottom, seed) for top, bottom in tables)
    return _estimate(value_b - value_a, draws_b - draws_a)


def mcnemar(gained: int, lost: int) -> float:
    """Return the p-value of McNemar's exact test, two-sided: were gains and losses equally likely, how often would
    they differ at least as much (McNemar 1947; binomial with probability one half). 1.0 where there are none."""
    tail = sum(math.comb(gained + lost, x) for x in range(min(gained, lost) + 1))
    return min(1.0, 2 * tail / (1 << gained + lost))


def _table(values: ArrayLike) -> Floats:
    return np.atleast_2d(np.asarray(values, dtype=np.float64))


def _ratios(top: Floats, bottom: Floats, seed: int) -> tuple[float, Floats]:
    """The ratio itself, and in each resample; NaN where a resample has no weight."""
    seeds, tasks = top.shape
    by_task, by_seed = _draws(tasks, seed, "tasks"), _draws(seeds, seed, "seeds")
    sums = [((by_seed @ table) * by_task).sum(axis=1) for table in (top, bottom)]
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios: Floats = np.where(sums[1] > 0, sums[0] / sums[1], np.nan)
    return float(top.sum() / bottom.sum()), ratios


@lru_cache(maxsize=64)
def _draws(n: int, seed: int, what: str) -> Floats:
    """How often each of n is drawn, in every resample: (RESAMPLES, n)."""
    if n == 1:
        return np.ones((RESAMPLES, 1))
    return keyed_rng("bootstrap", what, n, seed).multinomial(n, np.full(n, 1 / n), size=RESAMPLES).astype(np.float64)


def _estimate(value: float, draws: Any) -> Estimate:
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.nanpercentile(draws, [tail, 100 - tail])
    return Estimate(value, float(low), float(high))
