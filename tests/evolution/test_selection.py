from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy import stats

import soar
from soar.evolution.rex import Selector
from soar.evolution.selection import Best, Uniform, make_selector
from soar.models.scripted import ScriptedModel
from tests.search_support import TASKS, attempt, script


def test_uniform_is_uniform() -> None:
    pool = [attempt(str(i), i / 4) for i in range(5)]
    rng = np.random.default_rng(0)
    counts = Counter(Uniform().select(pool, rng)[0].key for _ in range(5000))
    assert stats.chisquare([counts[str(i)] for i in range(5)]).pvalue > 1e-3


def test_best_takes_one_of_the_best() -> None:
    pool = [attempt("a", 0.5), attempt("b", 0.75), attempt("c", 0.75), attempt("d", 0.0)]
    rng = np.random.default_rng(0)
    assert {Best().select(pool, rng)[0].key for _ in range(100)} == {"b", "c"}


@pytest.mark.parametrize("selector", [make_selector(name, 20) for name in ("rex", "uniform", "best")])
def test_an_empty_pool_is_refused(selector: Selector) -> None:
    with pytest.raises(ValueError, match="empty"):
        selector.select([], np.random.default_rng(0))


@pytest.mark.parametrize("name", ["uniform", "best"])
def test_other_selectors_are_another_search(name: str) -> None:
    options = {"samples": 24, "refinements": 40, "samples_per_request": 8, "workers": 1}
    parents = []
    for selector in ("rex", name):
        result = soar.search(TASKS["task1"], ScriptedModel(script), selector=selector, **options)
        parents.append({one.key: one.parents for one in result.attempts if one.phase == "refine"})
    assert parents[0].keys() == parents[1].keys() and parents[0] != parents[1]
