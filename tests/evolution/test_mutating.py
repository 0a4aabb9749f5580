"""Programs made without a model, and the bandit that chooses among operators."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import soar
from soar.evolution.config import ConfigError
from soar.evolution.mutating import NEAREST, Mutate, Proposer
from soar.evolution.operator_bandit import OperatorBandit
from soar.evolution.requests import NOTHING_NEW
from soar.evolution.rex import PoolMember
from soar.models.scripted import ScriptedModel
from tests.search_support import TASKS, content, script

GRIDS = ([[1, 2], [3, 4]], [[5, 0], [6, 7]], [[8, 8], [9, 1]])
FLIP = "from soar.grids import *\n\ndef transform(grid):\n    return flip_h(grid)\n"
FLIPPED_AND_TURNED = soar.Task(
    "two-step",
    tuple(soar.Example(grid, [list(row) for row in zip(*grid, strict=True)][::-1]) for grid in GRIDS[:2]),
    (soar.Example(GRIDS[2]),),
)  # rot90: a transposition after flip_h
OPTIONS: dict[str, Any] = {"samples": 16, "refinements": 48, "islands": 2, "workers": 1}


def member(key: str, near: float, behaviour: str, *solved: bool) -> PoolMember:
    return PoolMember(key, sum(solved) / len(solved), solved, near, behaviour.encode())


def test_mutate_finds_what_the_model_never_writes_and_asks_nobody() -> None:
    model = ScriptedModel([FLIP])
    found = soar.search(FLIPPED_AND_TURNED, model, operators="mutate", samples=4, refinements=64, islands=1, workers=1)
    assert found.best is not None and found.best.solves_examples and found.best.operator == "mutate"
    made = [one for one in found.attempts if one.operator == "mutate"]
    assert len(made) == 64 and sum(one.tokens for one in made) == 0
    assert sum(n for _, n, _ in model.requests) == 4
    done = [str([one.value for one in (*made_by.train, *made_by.test)]) for made_by in made if made_by.program]
    assert len(set(done)) == len(done) > 8
    assert all(one.program is not None or one.parse_error == NOTHING_NEW for one in made)


def test_where_nothing_new_is_near_it_is_said() -> None:
    constant = "def transform(grid):\n    return 'a'\n"
    task = soar.Task("text", (soar.Example("x", "b"), soar.Example("y", "c")), (soar.Example("z"),))
    options = {"samples": 1, "refinements": 4, "islands": 1, "workers": 1, "operators": "mutate"}
    found = soar.search(task, ScriptedModel([constant]), **options)
    assert [one.parse_error for one in found.attempts if one.operator == "mutate"] == [NOTHING_NEW] * 4


def test_parents_are_the_nearest_behaviours_by_turns() -> None:
    pool = [member(f"{i}", i / 20, f"{i}", False) for i in range(12)]
    pool += [member("twin", 11 / 20, "11", False), member("right", 1.0, "r", True)]
    operator, drawn = Mutate(), []
    for _ in range(2 * NEAREST):
        (parent,) = operator.parents(pool, np.random.default_rng(0))
        operator.on_request([parent.key], 4)
        drawn.append(parent.key)
    assert drawn[:NEAREST] == drawn[NEAREST:] == [str(i) for i in range(11, 11 - NEAREST, -1)]
    assert Mutate().parents([member("right", 1.0, "r", True)], np.random.default_rng(0)) == ()


class Reversed:
    """A proposer of one's own."""

    name = "reversed"

    def parents(self, pool: Sequence[Any], rng: np.random.Generator) -> tuple[Any, ...]:
        return (pool[0],)

    def on_request(self, keys: Sequence[str], n: int) -> None: ...

    def propose(self, task: Any, parents: Any, rng: np.random.Generator, keep: str) -> Iterator[str]:
        yield "def transform(grid):\n    return grid[::-1]\n"
        yield "def transform(grid):\n    return 1 / 0\n"


def test_a_proposer_of_ones_own_takes_part() -> None:
    assert isinstance(Reversed(), Proposer)
    found = soar.search(TASKS["task0"], ScriptedModel(script), operators=("refine", Reversed()), **OPTIONS)
    made = [one for one in found.attempts if one.operator == "reversed"]
    assert made and sum(one.program is not None for one in made) <= 2  # once on each island, where it was new


class Neither:
    name = "neither"

    def parents(self, pool: Sequence[Any], rng: np.random.Generator) -> tuple[Any, ...]:
        return ()


def test_what_neither_asks_nor_makes_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"neither assemble\(\), as an Operator has, nor propose\(\)"):
        soar.search(TASKS["task0"], ScriptedModel(script), operators=Neither(), **OPTIONS)


def test_what_has_brought_something_comes_more_often() -> None:
    bandit = OperatorBandit([member("s", 0.5, "s", True, False)])
    for i in range(20):
        bandit.learn("good", ["s"], [member(f"g{i}", 0.5 + (i + 1) / 50, f"g{i}", True, False)])
        bandit.learn("bad", ["s"], [member(f"b{i}", 0.4, f"b{i}", False, False)])
    rng = np.random.default_rng(0)
    drawn = Counter(bandit.choose(["good", "bad"], rng) for _ in range(300))
    assert drawn["good"] > 290


@pytest.mark.parametrize(
    ("made", "success"),
    [
        (member("c", 0.2, "c", True, True), True),  # a new best
        (member("c", 0.6, "c", False, False), True),  # new and nearer than its parent
        (member("c", 0.6, "s", False, False), False),  # nearer, and known
        (member("c", 0.4, "c", False, False), False),  # new, and no nearer
    ],
)
def test_a_success_is_a_new_best_or_something_new_and_nearer(made: PoolMember, success: bool) -> None:
    bandit = OperatorBandit([member("s", 0.5, "s", True, False)])
    bandit.learn("one", ["s"], [made])
    assert bandit._counts == {"one": (int(success), int(not success))}


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=12), st.integers(0, 2**32))
def test_the_same_results_and_generator_decide_the_same(made_by: list[str], seed: int) -> None:
    bandits = [OperatorBandit([]) for _ in range(2)]
    for bandit in bandits:
        for i, name in enumerate(made_by):
            bandit.learn(name, [], [member(f"{i}", (i % 3) / 3, f"{i % 5}", i % 4 == 0)])
    choices = [bandit.choose(["a", "b", "c"], np.random.default_rng(seed)) for bandit in bandits]
    assert choices[0] == choices[1]


def test_a_cut_search_goes_on_as_it_would_have(tmp_path: Path) -> None:
    options = OPTIONS | {"operators": ("refine", "compose", "mutate"), "operator_choice": "bandit"}
    tasks = {name: TASKS[name] for name in list(TASKS)[:2]}
    whole = soar.search(tasks, ScriptedModel(script), run=tmp_path / "whole", **options)
    made = Counter(one.operator for result in whole.values() for one in result.attempts)
    assert {"refine", "mutate"} <= made.keys()
    for programs in (20, 50):
        soar.search(tasks, ScriptedModel(script), run=tmp_path / "cut", stop=soar.Programs(programs), **options)
    soar.search(tasks, ScriptedModel(script), run=tmp_path / "cut", **options)
    assert content(tmp_path / "cut") == content(tmp_path / "whole")
    soar.search(tasks, ScriptedModel(script), run=tmp_path / "narrow", concurrency=1, **options)
    assert content(tmp_path / "narrow") == content(tmp_path / "whole")


def test_the_choice_is_part_of_the_run(tmp_path: Path) -> None:
    options = OPTIONS | {"operators": ("refine", "mutate")}
    soar.search(TASKS["task0"], ScriptedModel(script), run=tmp_path, **options)
    with pytest.raises(ConfigError, match="operator_choice was 'uniform' and is now 'bandit'"):
        soar.search(TASKS["task0"], ScriptedModel(script), run=tmp_path, operator_choice="bandit", **options)
