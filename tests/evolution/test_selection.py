from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pytest
from scipy import stats

import soar
from soar.evolution.config import ConfigError
from soar.evolution.rex import Selector
from soar.evolution.selection import Best, Crossover, Uniform, make_selector
from soar.models.scripted import ScriptedModel
from soar.programs.program import Attempt
from tests.evolution.test_rex import chance_of_first
from tests.search_support import TASKS, attempt, content, script


def solving(key: str, *solved: bool) -> Attempt:
    return dataclasses.replace(attempt(key, sum(solved) / len(solved)), solved=solved)


def test_uniform_is_uniform() -> None:
    pool = [attempt(str(i), i / 4) for i in range(5)]
    rng = np.random.default_rng(0)
    counts = Counter(Uniform().select(pool, rng)[0].key for _ in range(5000))
    assert stats.chisquare([counts[str(i)] for i in range(5)]).pvalue > 1e-3


def test_best_takes_one_of_the_best() -> None:
    pool = [attempt("a", 0.5), attempt("b", 0.75), attempt("c", 0.75), attempt("d", 0.0)]
    rng = np.random.default_rng(0)
    assert {Best().select(pool, rng)[0].key for _ in range(100)} == {"b", "c"}


def test_crossover_prefers_parents_that_complete_each_other() -> None:
    pool = [solving("a", True, True, False), solving("same", True, True, False), solving("other", False, False, True)]
    rng = np.random.default_rng(0)
    drawn = [Crossover().select(pool, rng) for _ in range(6000)]
    assert all(len({parent.key for parent in parents}) == 2 for parents in drawn)
    seconds = [second.key for first, second in drawn if first.key == "a"]
    expected = chance_of_first((1 + 20 * 1, 1), (1 + 20 * 2 / 3, 1 + 20 / 3))
    assert stats.binomtest(seconds.count("other"), len(seconds), expected).pvalue > 1e-3
    assert expected > 0.95


def test_crossover_with_one_attempt_gives_one_parent() -> None:
    assert len(Crossover().select([solving("a", True, False)], np.random.default_rng(0))) == 1


@pytest.mark.parametrize("selector", [make_selector(name, 20) for name in ("rex", "uniform", "best", "crossover")])
def test_an_empty_pool_is_refused(selector: Selector) -> None:
    with pytest.raises(ValueError, match="empty"):
        selector.select([], np.random.default_rng(0))


def test_a_search_shows_both_parents(tmp_path: object) -> None:
    options = {"samples": 24, "refinements": 16, "samples_per_request": 8, "workers": 1, "selector": "crossover"}
    model = ScriptedModel(script)
    result = soar.search(TASKS["task1"], model, run=f"{tmp_path}/a", **options)
    refined = [one for one in result.attempts if one.phase == "refine"]
    assert refined and {len(one.parents) for one in refined} == {2}
    by_key = {one.key: one for one in result.attempts}
    for one in refined:
        first, second = (by_key[key].program for key in one.parents)
        assert first is not None and second is not None and first != second
        shown = [prompt.text for prompt, _, _ in model.requests if "Attempt B:" in prompt.text]
        assert any(first.source.strip() in text and second.source.strip() in text for text in shown)
    soar.search(TASKS["task1"], ScriptedModel(script), run=f"{tmp_path}/b", concurrency=1, **options)
    assert content(tmp_path / "a") == content(tmp_path / "b")  # type: ignore[operator]


@pytest.mark.parametrize("name", ["uniform", "best"])
def test_other_selectors_are_another_search(name: str) -> None:
    options = {"samples": 24, "refinements": 40, "samples_per_request": 8, "workers": 1}
    parents = []
    for selector in ("rex", name):
        result = soar.search(TASKS["task1"], ScriptedModel(script), selector=selector, **options)
        parents.append({one.key: one.parents for one in result.attempts if one.phase == "refine"})
    assert parents[0].keys() == parents[1].keys() and parents[0] != parents[1]


def test_a_prompt_set_for_one_parent_refuses_two() -> None:
    with pytest.raises(ConfigError, match="prompt set mini shows one attempt at a time"):
        soar.search(TASKS["task0"], ScriptedModel(script, prompt_set="mini"), selector="crossover")
