"""The scripts behind docs/curriculum.md: their mechanics, small; their page is what they write."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import soar
from soar.curriculum import TEACHERS, Prospects, Uniform
from soar.curriculum.difficulty import MEASURES
from soar.models.scripted import ScriptedModel
from soar.tasks.task import Example, Task
from tests.search_support import make_task
from tests.search_support import script as script_of_programs

ROOT = Path(__file__).parents[2]
SCRIPTS = ("teachers", "solvability", "replay")


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """The scripts, imported as if they had been started."""
    for folder in ("evidence", "benchmarks"):
        monkeypatch.syspath_prepend(str(ROOT / "experiments" / folder))
    for name in ("bench", *SCRIPTS):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return {name: importlib.import_module(name) for name in SCRIPTS}


def test_the_page_is_what_the_scripts_write(
    scripts: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = shutil.copy(ROOT / "docs" / "curriculum.md", tmp_path)
    for script in scripts.values():
        monkeypatch.setattr(script, "PAGE", Path(page))
        script.main(only_report=True)
    assert Path(page).read_text() == (ROOT / "docs" / "curriculum.md").read_text()


def test_every_teacher_is_simulated_and_a_student_learns(
    scripts: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = scripts["teachers"]
    monkeypatch.setattr(script, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(script, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(script, "SETTINGS", {"as described": script.Setting()})
    script.PAGE.write_text("<!-- teachers -->\n<!-- /teachers -->\n")
    script.main(seeds=2, rollouts=1024)
    found = json.loads((tmp_path / "results" / "teachers.json").read_text())
    assert set(found["as described"]) == {*TEACHERS, script.TRUE} and set(found) == {"as described", script.ON_TARGETS}
    lines = script.PAGE.read_text().splitlines()
    assert len(lines) == 4 + len(TEACHERS) + 1 and all("nan" not in line for line in lines)
    student = script.Student(script.Setting(), 0)
    before = student.success()[student.learnable].mean()
    for seed in (0, 1):
        assert script.taught("uniform", script.Setting(), seed, 4096)[0] > before + 0.05
        assert script.taught("uniform", script.Setting(), seed, 4096) == script.taught(
            "uniform", script.Setting(), seed, 4096
        )


def test_nothing_is_learned_from_coins_and_impossible_tasks(scripts: dict[str, Any]) -> None:
    script = scripts["teachers"]
    student = script.Student(script.Setting(impossible=0.5, noise=0.5), 0)
    assert not student.learnable.any()
    before = student.success()
    assert set(before.tolist()) == {0.0, 0.5}
    for task in range(script.TASKS):
        student.learn(task, np.array([0.0, 1.0]), 1.0)
    assert (student.success() == before).all() and not student.skills.any()


def test_an_auc_is_the_share_of_pairs_in_order(scripts: dict[str, Any]) -> None:
    rng, auc = np.random.default_rng(0), scripts["solvability"].auc
    easy, solved, kept = rng.integers(4, size=30) * 1.0, rng.random(30) < 0.4, rng.random(30) < 0.8
    yes, no = easy[solved & kept], easy[~solved & kept]
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in yes for b in no]
    assert auc(easy, solved, kept, np.ones((1, 30)))[0] == pytest.approx(np.mean(pairs))
    double = np.where(np.arange(30) < 15, 2.0, 1.0)
    repeated = np.repeat(np.arange(30), double.astype(int))
    again = auc(easy[repeated], solved[repeated], kept[repeated], np.ones((1, len(repeated))))
    assert auc(easy, solved, kept, double[None])[0] == pytest.approx(again[0])
    assert np.isnan(auc(easy, np.ones(30, bool), kept, np.ones((1, 30)))[0])


def test_what_has_to_be_gone_on_with(scripts: dict[str, Any]) -> None:
    needed = scripts["solvability"].share_needed
    solved = np.array([True, False, True, False])
    assert needed(np.array([4.0, 3.0, 2.0, 1.0]), solved) == 0.75
    assert needed(np.array([4.0, 1.0, 3.0, 2.0]), solved) == 0.5
    assert needed(np.zeros(4), solved) == 1.0 and np.isnan(needed(np.zeros(4), np.zeros(4, bool)))


def test_a_replay_stops_at_its_goal_and_counts_what_was_drawn(scripts: dict[str, Any]) -> None:
    script = scripts["replay"]
    samples = {f"{place}": np.zeros(64) for place in range(8)}
    samples["3"][10] = samples["5"][2] = 1.0
    teacher = Prospects(dict.fromkeys(samples, 0.0), first=4)
    first = script.played(teacher, samples, 1, seed=0)
    assert first <= 8 * 16 and teacher.solving["5"] == 1
    assert script.played(Prospects(dict.fromkeys(samples, 0.0), first=4), samples, 2, seed=0) > first
    assert script.played(Prospects(dict.fromkeys(samples, 0.0), first=4), samples, 3, seed=0) == 8 * 64  # never
    assert script.played(Uniform(samples), samples, 2, seed=0) == script.played(Uniform(samples), samples, 2, seed=0)


def out_of_reach(task: Task) -> Task:
    """The task with outputs that no program of the script gives."""
    pairs = [Example(one.input, [[8, 7, 6], [5, 4, 3 + place]]) for place, one in enumerate(task.train)]
    return replace(task, id=f"{task.id}-hard", train=tuple(pairs))


def test_estimates_of_a_run_are_measured(
    scripts: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = scripts["solvability"]
    monkeypatch.setattr(script, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(script, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(script, "ORDERS", 3)
    monkeypatch.setattr(script, "RESAMPLES", 200)
    script.PAGE.write_text("<!-- solvability -->\n<!-- /solvability -->\n")
    tasks = [make_task(f"t{seed}", seed) for seed in range(12)]
    tasks += [out_of_reach(task) for task in tasks]
    soar.search(tasks, ScriptedModel(script_of_programs), run=tmp_path / "run", samples=12, refinements=0, workers=1)
    script.main(tmp_path / "run", first=6)
    found = json.loads((tmp_path / "results" / "solvability.json").read_text())
    assert found["samples"] == 12 and found["first"] == 6 and 0 < found["solved"]["all"] < 1
    replay, replayed = scripts["replay"], tmp_path / "results" / "replay.json"
    for name in ("PAGE", "RESULTS"):
        monkeypatch.setattr(replay, name, getattr(script, name))
    script.PAGE.write_text(script.PAGE.read_text() + "<!-- replay -->\n<!-- /replay -->\n")
    replay.main([tmp_path / "run"], resamples=2)
    shares = json.loads(replayed.read_text())["run"]["shares"]
    assert set(shares) == {*replay.MAKE, replay.BOUND} and all(0 < one < 1 for one in shares["prospects"])
    assert max(shares[replay.BOUND]) < min(shares["uniform"])
    figures = found["figures"]
    assert set(figures) == {*MEASURES, script.TOGETHER} - {"logprob"}  # which this model does not give
    assert figures["mean_solved"]["all"]["auc"] > 0.6  # what is solved is solved again
    for parts in figures.values():
        assert 0 <= parts["all"]["low"] <= parts["all"]["auc"] <= parts["all"]["high"] <= 1
    assert script.PAGE.read_text().count("\n| ") >= 2 + len(figures) - 1
