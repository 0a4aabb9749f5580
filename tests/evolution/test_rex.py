from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import stats

from soar.core.seeding import keyed_rng, keyed_seed
from soar.evolution.rex import Rex
from tests.search_support import attempt


def chance_of_first(a: tuple[float, float], b: tuple[float, float]) -> float:
    """P(X > Y) for X ~ Beta(a), Y ~ Beta(b), by numerical integration."""
    x = np.linspace(0, 1, 20001)
    return float(np.trapezoid(stats.beta.pdf(x, *a) * stats.beta.cdf(x, *b), x))


@pytest.mark.parametrize(
    ("h", "n"), [((0.5, 0.5), (0, 0)), ((0.75, 0.5), (0, 0)), ((0.75, 0.5), (8, 0)), ((1.0, 0.0), (40, 0))]
)
def test_the_draws_follow_the_beta_law(h: tuple[float, float], n: tuple[int, int]) -> None:
    pool = [attempt("a", h[0]), attempt("b", h[1])]
    rex = Rex(c=20)
    rex.on_request(["a"], n[0])
    rex.on_request(["b"], n[1])
    rng = np.random.default_rng(0)
    draws = 4000
    first = sum(rex.select(pool, rng)[0].key == "a" for _ in range(draws))
    expected = chance_of_first(*((1 + 20 * h[i], 1 + 20 * (1 - h[i]) + n[i]) for i in range(2)))  # type: ignore[arg-type]
    assert stats.binomtest(first, draws, expected).pvalue > 1e-3


def test_what_was_asked_often_gives_way() -> None:
    pool = [attempt("a", 0.5), attempt("b", 0.5)]
    rex = Rex()
    rex.on_request(["a"], 400)
    rng = np.random.default_rng(0)
    assert sum(rex.select(pool, rng)[0].key == "a" for _ in range(200)) == 0
    rex.on_request(["b"], 4)
    rex.on_request(["b"], 4)
    assert rex.metrics() == {"parents": 2, "asked": 408, "most_asked": 400}


def test_the_same_generator_gives_the_same_parents() -> None:
    pool = [attempt(str(i), i / 100) for i in range(100)]
    picks = [[Rex().select(pool, keyed_rng("seed", step))[0].key for step in range(20)] for _ in range(2)]
    assert picks[0] == picks[1]
    assert len(set(picks[0])) > 1


def test_an_empty_pool_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        Rex().select([], np.random.default_rng(0))


def test_pools_of_thousands_are_quick() -> None:
    pool = [attempt(str(i), (i % 4) / 4) for i in range(5000)]
    rex, rng = Rex(), np.random.default_rng(0)
    start = time.process_time()
    for _ in range(20):
        rex.select(pool, rng)
    assert time.process_time() - start < 2


def test_keyed_seeds_depend_on_every_part() -> None:
    places = [(seed, phase, step) for seed in range(5) for phase in ("sample", "refine") for step in range(20)]
    seeds = [keyed_seed(*place) for place in places]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert keyed_seed("ab", "c") != keyed_seed("a", "bc")
