"""Operators: what makes the requests of the refinement phase."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import soar
from soar.core.custom import label_of
from soar.evolution.config import ConfigError
from soar.evolution.operators import Crossover, Refine
from soar.evolution.rex import PoolMember, Rex
from soar.models.scripted import ScriptedModel
from tests.evolution.test_rex import chance_of_first
from tests.search_support import TASKS, content, script

OPTIONS: dict[str, Any] = {"samples": 24, "refinements": 16, "samples_per_request": 8, "workers": 1}


def solving(key: str, *solved: bool) -> PoolMember:
    return PoolMember(key, sum(solved) / len(solved), solved)


class Mirrored:
    """An operator: the model continues where the parent's outputs, mirrored, leave off."""

    name = "mirrored"

    def parents(self, pool: Sequence[Any], rng: np.random.Generator) -> tuple[Any, ...]:
        return (pool[0],)

    def on_request(self, keys: Sequence[str], n: int) -> None: ...

    def prompt(self, prompts: Any, task: Any, parents: Any, example: Any = None) -> Any:
        return prompts.render(task)

    def assemble(self, prompts: Any, reply: str, prompt: Any, parents: Any) -> str:
        return parents[0].program.source.replace("transform", "parent") + (
            "\n\ndef transform(grid):\n    return parent(grid)[::-1]\n"
        )


def test_an_operator_of_ones_own_makes_programs_of_its_parents(tmp_path: Path) -> None:
    results = soar.search(TASKS, ScriptedModel(script), run=tmp_path, operators=Mirrored(), **OPTIONS)
    assert json.loads((tmp_path / "config.json").read_text())["0"]["options"]["operators"] == [label_of(Mirrored())]
    for result in results.values():
        by_key = {one.key: one for one in result.attempts}
        made = [one for one in by_key.values() if one.operator == "mirrored"]
        assert len(made) == 16 == sum(one.phase == "refine" for one in by_key.values())
        for one in made:
            (parent,) = (by_key[key] for key in one.parents)
            expected = [outcome.value[::-1] for outcome in (*parent.train, *parent.test)]
            assert [outcome.value for outcome in (*one.train, *one.test)] == expected
    with pytest.raises(ConfigError, match=r"operators was \['Mirrored#\w+'\] and is now \['refine'\]"):
        soar.search(TASKS, ScriptedModel(script), run=tmp_path, **OPTIONS | {"refinements": 24})


def test_several_operators_share_the_requests_and_a_cut_search_goes_on_as_it_would_have(tmp_path: Path) -> None:
    options = OPTIONS | {"refinements": 64, "operators": ("refine", "crossover", Mirrored())}
    whole = soar.search(TASKS, ScriptedModel(script), run=tmp_path / "whole", **options)
    attempts = [one for result in whole.values() for one in result.attempts if one.phase == "refine"]
    assert set(Counter(one.operator for one in attempts)) == {"refine", "crossover", "mirrored"}
    assert {len(one.parents) for one in attempts if one.operator == "crossover"} == {2}
    for programs in (30, 60, 200):
        soar.search(TASKS, ScriptedModel(script), run=tmp_path / "cut", stop=soar.Programs(programs), **options)
    soar.search(TASKS, ScriptedModel(script), run=tmp_path / "cut", **options)
    assert content(tmp_path / "cut") == content(tmp_path / "whole")


def test_two_operators_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="operators: the name 'refine' is taken"):
        soar.search(TASKS, ScriptedModel(script), operators=("refine", "refine"))


@pytest.mark.parametrize("given", [(), "refin", ["refine", 3], object()])
def test_what_is_no_operator_is_refused(given: object) -> None:
    with pytest.raises(ConfigError, match="operators"):
        soar.search(TASKS, ScriptedModel(script), operators=given)


def test_crossover_prefers_parents_that_complete_each_other() -> None:
    pool = [solving("a", True, True, False), solving("same", True, True, False), solving("other", False, False, True)]
    rng = np.random.default_rng(0)
    drawn = [Crossover(Rex()).parents(pool, rng) for _ in range(6000)]
    assert all(len({parent.key for parent in parents}) == 2 for parents in drawn)
    seconds = [parents[1].key for parents in drawn if parents[0].key == "a"]
    expected = chance_of_first((1 + 20 * 1, 1), (1 + 20 * 2 / 3, 1 + 20 / 3))
    assert stats.binomtest(seconds.count("other"), len(seconds), expected).pvalue > 1e-3
    assert expected > 0.95


def test_crossover_with_one_attempt_gives_one_parent() -> None:
    assert len(Crossover(Rex()).parents([solving("a", True, False)], np.random.default_rng(0))) == 1


@pytest.mark.parametrize("operator", [Refine(Rex()), Crossover(Rex())])
def test_an_empty_pool_is_refused(operator: Refine) -> None:
    with pytest.raises(ValueError, match="empty"):
        operator.parents([], np.random.default_rng(0))


def test_a_search_shows_both_parents(tmp_path: Path) -> None:
    options = OPTIONS | {"operators": "crossover"}
    model = ScriptedModel(script)
    result = soar.search(TASKS["task1"], model, run=tmp_path / "a", **options)
    refined = [one for one in result.attempts if one.phase == "refine"]
    assert refined and {len(one.parents) for one in refined} == {2}
    by_key = {one.key: one for one in result.attempts}
    for one in refined:
        first, second = (by_key[key].program for key in one.parents)
        assert first is not None and second is not None and first != second
        shown = [prompt.text for prompt, _, _ in model.requests if "Attempt B:" in prompt.text]
        assert any(first.source.strip() in text and second.source.strip() in text for text in shown)
    soar.search(TASKS["task1"], ScriptedModel(script), run=tmp_path / "b", concurrency=1, **options)
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_a_prompt_set_for_one_parent_refuses_two() -> None:
    with pytest.raises(ConfigError, match="prompt set mini shows one attempt at a time"):
        soar.search(TASKS["task0"], ScriptedModel(script, prompt_set="mini"), operators="crossover")
