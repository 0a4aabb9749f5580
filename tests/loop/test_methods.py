"""Rounds that learn in several ways: what each is given, what they hold on to, what is refused; killed and resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from datasets import load_from_disk

import soar
from soar.evolution.results import load_run
from soar.loop.config import LoopConfig, LoopError, separate
from soar.loop.loop import iterate_iter, load_report
from soar.loop.retained import TASKS, retained_tasks
from soar.loop.signals import trainings_of
from soar.loop.teaching import RECORD
from soar.models.adapter import Adapter
from soar.report.loop_page import read_loop
from soar.tasks.sets import overlap
from soar.training.config import TrainingConfig
from tests.experiments.test_experiments import figures
from tests.search_support import TASKS as MADE


def config(**options: Any) -> LoopConfig:
    return LoopConfig.for_model("mini", options)


def test_one_method_a_round_the_last_repeats() -> None:
    for given in ("sft,grpo", ["sft", "grpo"], ("sft, grpo",)):
        made = config(method=given)
        assert made.method == ("sft", "grpo") and [made.method_of(n) for n in range(4)] == ["sft", *["grpo"] * 3]
        assert LoopConfig.of(made.model_dump(mode="json")) == made
    assert config().method == ("sft",) and config().min_p == 0.05 and config(method="grpo").min_p == 0
    assert [config().retains(one) for one in ("sft", "dpo", "grpo", "tokens")] == [False, False, True, True]
    assert config(method="tokens").min_p == 0.05  # it draws by itself
    assert config(retain=True).retains("sft") and not config(retain=False).retains("grpo")
    with pytest.raises(soar.ConfigError, match="method"):
        config(method="sft,ppo")


def test_what_reinforcement_cannot_learn_from_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    for name, value in {"min_p": 0.05, "temperature": 0, "few_shot": "runs/x", "samples": 1}.items():
        with pytest.raises(LoopError, match=name):
            next(iterate_iter(MADE, run=tmp_path / "a", method="grpo", **{name: value}))
    other = TrainingConfig.for_model("mini", method="grpo")
    with pytest.raises(LoopError, match=r"learns by sft: say method='grpo' \(--method grpo\)"):
        next(iterate_iter(MADE, run=tmp_path / "a", training=other))
    assert not (tmp_path / "a").exists()


def test_each_method_is_trained_as_it_is_given_or_as_suits_the_model() -> None:
    own = TrainingConfig.for_model("mini", method="grpo", learning_rate=1e-4)
    plans = trainings_of("mini", config(method="sft,grpo"), own, test_time=False)
    assert plans == {"sft": TrainingConfig.for_model("mini"), "grpo": own}
    assert list(trainings_of("mini", config(method="grpo"), own, test_time=True)) == ["grpo", "sft"]
    small = TrainingConfig.for_model("mini", rank=4)
    with pytest.raises(LoopError, match="same rank: sft has 4, grpo 32"):
        trainings_of("mini", config(method="sft,grpo"), small, test_time=False)
    with pytest.raises(LoopError, match="twice for one method"):
        trainings_of("mini", config(), [small, small], test_time=False)


def test_what_is_held_on_to_is_of_no_set_and_of_no_kind_in_them() -> None:
    learnt, held_out = (soar.load_tasks(f"gym/domain-1/{half}")[:40] for half in ("train", "held-out"))
    sets = separate(learnt, held_out, None)
    tasks = retained_tasks(sets, 0)
    assert len(tasks) == TASKS and list(tasks) == list(retained_tasks(sets, 0)) != list(retained_tasks(sets, 1))
    assert not overlap(tasks, learnt) and not overlap(tasks, held_out)
    kinds = [{one.metadata["family"] for one in some.values()} for some in (tasks, learnt, held_out)]
    assert kinds[0].isdisjoint(kinds[1] | kinds[2]) and len(kinds[0]) > 40
    again = separate(tasks, None, None)
    assert not overlap(retained_tasks(again, 0), tasks)


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loop of a round by rows and one by groups, with a teacher, left alone; another was killed and is the same."""
    out = tmp_path_factory.mktemp("loop")
    stages = ["search 0", "hindsight 0", "retain search 0", "training 1: step 2"]
    ways = ("--ttt", "0", "--method", "sft,grpo", "--teacher", "record")
    found = figures("kill_loop.py", "--out", str(out), *ways, "--stages", *stages)
    assert found["killed_in"] == stages and found["differing"] == [] and found["same_table"]
    return out / "left" / "loop"


@pytest.mark.slow
def test_a_loop_says_how_each_round_learnt(left: Path) -> None:
    report = load_report(left)
    table = report.table()
    methods, rows = ([row[table[0].index(name)] for row in table] for name in ("method", "rows"))
    assert methods[1:4] == ["sft", "grpo", ""] and rows[2].endswith("groups")
    assert [one["method"] for one in json.loads((left / "report.json").read_text())["rounds"][:3]] == [
        "sft",
        "grpo",
        "",
    ]
    first, second = (Adapter.load(left / f"iteration-{number}" / "adapter") for number in (0, 1))
    assert second.made_of["continue_from"] == first.name and second.name.startswith("grpo-")
    assert "retain" in second.made_of and "retain" not in first.made_of
    held = load_from_disk(str(left / "retain" / "dataset"))
    assert len(held) > TASKS and {one["task_hash"] for one in held}.isdisjoint(
        one["task_hash"] for one in load_from_disk(str(left / "iteration-1" / "dataset"))
    )
    kept = [any(one.token_ids for result in load_run(left, n).values() for one in result.attempts) for n in range(3)]
    assert kept == [False, True, True]  # the last as well: a round more may follow
    page = read_loop(left, lambda data: 0, {})
    assert [one["title"] for one in page["learnt"]] == ["training 0", "training 1"]
    assert page["learnt"][1]["report"][0][0] == "groups" and page["learnt"][1]["losses"][0][2] is None


@pytest.mark.slow
def test_a_loop_with_a_teacher_keeps_its_record(left: Path) -> None:
    report = load_report(left)
    assert list(report.difficulty) == [0, 1] and (report.run / RECORD).exists()
    assert "difficulty" in json.loads((report.run / "report.json").read_text())
