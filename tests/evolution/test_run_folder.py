from __future__ import annotations

from pathlib import Path

import pytest

import soar
from soar.evolution.config import ConfigError
from soar.evolution.results import load_run
from soar.models.scripted import ScriptedModel
from soar.tasks.task import Task
from tests.search_support import TASKS, content, script

SMALL = {"samples": 40, "refinements": 20, "samples_per_request": 8, "workers": 1}


def test_a_budget_can_be_raised(tmp_path: Path) -> None:
    soar.search(TASKS, ScriptedModel(script), run=tmp_path, **(SMALL | {"samples": 12, "refinements": 5}))
    before, model = content(tmp_path), ScriptedModel(script)
    results = soar.search(TASKS, model, run=tmp_path, **SMALL)
    assert set(before) <= set(content(tmp_path))
    assert sum(n for _, n, _ in model.requests) == 3 * (60 - 17)
    assert all(result.stats.completions == 60 for result in results.values())
    with pytest.raises(ConfigError, match="samples was 40 and is now 39"):
        soar.search(TASKS, ScriptedModel(script), run=tmp_path, **(SMALL | {"samples": 39}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "seed was 0 and is now 1"),
        ({"temperature": 0.5}, r"temperature was None and is now 0\.5"),
        ({"islands": 2}, "islands was 4 and is now 2"),
        ({"prompt_set": "values"}, "prompt_set was 'soar' and is now 'values'"),
        ({"model": ScriptedModel(script, name="other")}, "model was 'scripted' and is now 'other'"),
        ({"tasks": {"task0": Task("task0", TASKS["task1"].train, TASKS["task0"].test)}}, "content of task task0"),
    ],
)
def test_what_would_falsify_a_run_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    options = SMALL | {"tasks": {"task0": TASKS["task0"]}, "model": ScriptedModel(script), "run": tmp_path}
    soar.search(**options)  # type: ignore[call-overload]
    before = (content(tmp_path), (tmp_path / "config.json").read_text())
    with pytest.raises(ConfigError, match=message):
        soar.search(**(options | change))  # type: ignore[call-overload]
    assert (content(tmp_path), (tmp_path / "config.json").read_text()) == before


def test_a_changed_prompt_set_is_refused(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    (prompts / "sample.j2").write_text("{{ task.train|length }}")
    (prompts / "refine.j2").write_text("again")
    options = SMALL | {"prompt_set": str(prompts), "run": tmp_path / "run"}
    soar.search(TASKS["task0"], ScriptedModel(script), **options)
    (prompts / "refine.j2").write_text("once again")
    with pytest.raises(ConfigError, match="prompt set prompts"):
        soar.search(TASKS["task0"], ScriptedModel(script), **options)


def test_tasks_can_be_added(tmp_path: Path) -> None:
    soar.search(TASKS["task0"], ScriptedModel(script), run=tmp_path, **SMALL)
    soar.search(TASKS["task1"], ScriptedModel(script), run=tmp_path, **SMALL)
    results = load_run(tmp_path)
    assert list(results) == ["task0", "task1"] and results["task0"].task == TASKS["task0"]
    with pytest.raises(ConfigError, match="no search of iteration 1"):
        load_run(tmp_path, iteration=1)


def test_skipped_tasks_are_remembered(tmp_path: Path) -> None:
    words = Task("words", (soar.Example("a", "b"),), (soar.Example("c"),))
    model = ScriptedModel(script, prompt_set="mini")
    found = soar.search([TASKS["task0"], words], model, run=tmp_path, **SMALL)
    again = load_run(tmp_path)
    assert again.skipped == found.skipped and "shows grids only" in again.skipped["words"]
    assert again.to_json() == found.to_json() and again.summary.searched == 1
    soar.search(TASKS["task1"], ScriptedModel(script, prompt_set="mini"), run=tmp_path, **SMALL)
    assert list(load_run(tmp_path).skipped) == ["words"]
