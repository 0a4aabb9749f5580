"""Objects of one's own where a name may stand: taken, recorded by name and hash, refused when they change."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import soar
from soar.core.custom import Custom, label_of, value_of
from soar.core.errors import SoarError
from soar.evolution.budget import TaskState
from soar.hindsight.scan import Candidate
from soar.sandbox.outcome import Outcome
from tests.search_support import TASKS, script

OPTIONS: dict[str, Any] = {"samples": 8, "refinements": 8, "islands": 2, "workers": 1, "progress": False}


class Latest:
    """A selector: the attempt that came last."""

    def __init__(self, back: int = 1) -> None:
        self.back = back

    def select(self, pool: Sequence[Any], rng: np.random.Generator) -> tuple[Any, ...]:
        return (pool[-min(self.back, len(pool))],)

    def on_request(self, keys: Sequence[str], n: int) -> None: ...


class FirstTask:
    """A budget: one task gets all refinements of the others."""

    def grant(
        self, number: int, config: Any, granted: Mapping[str, soar.Grant], states: Mapping[str, TaskState], rng: Any
    ) -> dict[str, soar.Grant]:
        every = {task: soar.Grant(samples=config.samples) for task in granted}
        return every | {next(iter(granted)): soar.Grant(config.samples, 4)} if number == 0 else {}


class Fewest:
    """A vote for the answer that the fewest attempts give."""

    def weigh(self, accuracies: Sequence[float], nearest: float) -> float:
        return 1 / len(accuracies)


class Longest:
    """A choice of rows: the longest program."""

    def select(self, ranked: Sequence[Candidate], n: int, rng: np.random.Generator) -> Sequence[Candidate]:
        return sorted(ranked, key=lambda one: -len(one.source))[:1]


class Here:
    """An executor: this process. For programs that are trusted."""

    async def submit(self, source: str, inputs: Sequence[Any], entry_point: str) -> Sequence[Outcome]:
        space: dict[str, Any] = {}
        exec(source, space)
        return [Outcome("ok", space[entry_point](json.loads(json.dumps(value)))) for value in inputs]


def searched(run: Path, **options: Any) -> soar.SearchResults:
    return soar.search(TASKS, soar.ScriptedModel(script), run=run, **OPTIONS | options)


def test_a_selector_of_ones_own_is_used_and_recorded(tmp_path: Path) -> None:
    results = searched(tmp_path, selector=Latest())
    recorded = json.loads((tmp_path / "config.json").read_text())["0"]["options"]["selector"]
    assert recorded == label_of(Latest()) and recorded.startswith("Latest#")
    first = [one for one in results["task0"].attempts if one.parents and one.key.startswith("0/refine/0/0")]
    refinable = [one.key for one in results["task0"].attempts if one.key.startswith("0/sample") and one.refinable]
    assert {one.parents[0] for one in first} == {max(refinable, key=lambda key: int(key.rpartition("/")[2]))}
    searched(tmp_path, selector=Latest(), refinements=16)
    with pytest.raises(soar.ConfigError, match=r"selector was 'Latest#\w+' and is now 'Latest#\w+'"):
        searched(tmp_path, selector=Latest(back=2), refinements=16)
    with pytest.raises(soar.ConfigError, match=r"selector was 'Latest#\w+' and is now 'rex'"):
        searched(tmp_path, refinements=16)


def test_a_budget_of_ones_own_decides_who_gets_what(tmp_path: Path) -> None:
    results = searched(tmp_path, budget=FirstTask())
    assert sorted(len(one.attempts) for one in results.values()) == [8, 8, 12]


def test_a_vote_of_ones_own_weighs_the_answers(tmp_path: Path) -> None:
    results = searched(tmp_path, vote_weight=Fewest())
    counts = [[one.count for one in result.predictions] for result in results.values()]
    assert all(found == sorted(found) for found in counts) and any(len(found) == 2 for found in counts)
    again = soar.load_run(tmp_path, vote_weight=Fewest())
    assert again["task0"].predictions == results["task0"].predictions
    assert soar.evaluate(results).vote_weight == label_of(Fewest())
    with pytest.raises(SoarError, match=r"vote_weight was an object of your own, Fewest#\w+: give it again"):
        _ = soar.load_run(tmp_path)["task0"].predictions


def test_a_choice_of_rows_of_ones_own(two_rounds: Path) -> None:
    rows, report = soar.make_dataset(two_rounds, selection=Longest(), refinement="none")
    usual, _ = soar.make_dataset(two_rounds, selection="uniform", refinement="none")
    assert report.options["selection"] == label_of(Longest())
    for row in rows:
        others = [one["program"] for one in usual if one["task_id"] == row["task_id"]]
        assert len(row["program"]) == max(map(len, others))


def test_an_executor_of_ones_own_runs_the_programs(tmp_path: Path) -> None:
    assert searched(tmp_path, executor=Here()).to_json() == searched(tmp_path / "sandbox").to_json()
    with pytest.raises(soar.ConfigError, match="executor was 'Here#"):
        searched(tmp_path)


@pytest.mark.parametrize(("option", "method"), [("selector", "select"), ("budget", "grant"), ("vote_weight", "weigh")])
@pytest.mark.parametrize("given", [object(), Latest, 3, None, "rexx"])
def test_what_is_neither_a_name_nor_such_an_object_is_refused(option: str, method: str, given: object) -> None:
    with pytest.raises(
        soar.ConfigError, match=rf"{option}: Input should be .*, or an object with a method {method}\(\)"
    ):
        searched(Path("nowhere"), **{option: given})


def test_labels_depend_on_source_and_state_alone() -> None:
    assert label_of(Latest()) == label_of(Latest()) != label_of(Latest(2))
    assert label_of(lambda x: x) != label_of(lambda x: -x)
    one, other = Latest(), Latest()
    one.inner, other.inner = Fewest(), Fewest()  # type: ignore[attr-defined]
    assert label_of(one) == label_of(other) != label_of(Latest())
    one.me, one._used = one, 5  # type: ignore[attr-defined]
    assert label_of(one) == label_of(one)
    fresh, used = Latest(), Latest()
    used._used = 5  # type: ignore[attr-defined]
    assert label_of(fresh) == label_of(used)
    assert value_of("rex", "selector") == "rex" and value_of(Custom("a#1", one), "selector") is one
