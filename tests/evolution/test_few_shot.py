from __future__ import annotations

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import soar
from soar.archive.reader import Archive
from soar.evolution.config import ConfigError
from soar.evolution.few_shot import FewShotPool, solved_tasks
from soar.evolution.results import load_run
from soar.evolution.run_folder import RunFolder
from soar.models.base import Prompt
from soar.models.scripted import ScriptedModel
from soar.prompts.prompt_set import load_prompt_set
from soar.tasks.task import Example, Task
from tests.search_support import content, make_task, script

TASKS = {f"task{i}": make_task(f"task{i}", i) for i in range(6)}
SMALL = {"samples": 16, "refinements": 16, "samples_per_request": 4, "workers": 1}
MIRROR = "[row[::-1] for row in grid]"


def answers(prompt: Prompt, place: int, rng: random.Random) -> str:
    """One of the three rules that the tasks follow, long or short."""
    body = rng.choice([MIRROR, "grid[::-1]", "[list(column) for column in zip(*grid)]"])
    comment = rng.choice(["", "    # a longer program\n"])
    return f"```python\ndef transform(grid):\n{comment}    return {body}\n```"


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "earlier"
    soar.search(TASKS, ScriptedModel(answers), run=folder, **SMALL)
    return folder


def shown(run: Path) -> dict[tuple[str, str], tuple[str, ...]]:
    """Task and place of each request, and the solved tasks that it showed."""
    with Archive(run) as archive:
        rows = archive._connection.execute("SELECT task_id, key, few_shot FROM request").fetchall()
    return {(task, key): tuple(json.loads(ids)) for task, key, ids in rows}


def test_the_pool_holds_each_solved_task_with_its_shortest_program(earlier: Path) -> None:
    pool = solved_tasks(RunFolder(earlier), 0)
    assert sorted(one.task.id for one in pool.examples) == sorted(TASKS)
    for one in pool.examples:
        assert "longer" not in one.program.source and one.task == TASKS[one.task.id].without_test_outputs()
    assert FewShotPool.from_json(json.loads(json.dumps(pool.to_json()))) == pool


def test_each_request_shows_a_solved_task_but_never_its_own(earlier: Path, tmp_path: Path) -> None:
    model = ScriptedModel(script)
    soar.search(TASKS, model, run=tmp_path / "run", few_shot=str(earlier), **SMALL)
    found = shown(tmp_path / "run")
    assert len(found) == 6 * (4 + 4) and all(len(ids) == 1 and ids[0] != task for (task, _), ids in found.items())
    assert len(set(found.values())) == 6
    program = "Here is another task, of a different rule, with a function that solves it."
    assert all(prompt.text.count(program) == 1 for prompt, _, _ in model.requests)
    beginnings = {prompt.text[: prompt.prefix] for prompt, _, _ in model.requests}
    assert len(beginnings) == 1 and beginnings.pop().rstrip().endswith("30 by 30 cells.")


def test_it_is_exact_when_it_goes_on_even_if_the_earlier_run_is_gone(earlier: Path, tmp_path: Path) -> None:
    gone = shutil.copytree(earlier, tmp_path / "gone")
    options = {**SMALL, "few_shot": str(gone)}
    whole = tmp_path / "whole"
    soar.search(TASKS, ScriptedModel(script, max_concurrency=1), run=whole, **options)
    soar.search(TASKS, ScriptedModel(script), run=tmp_path / "cut", stop=soar.Programs(40), **options)
    shutil.rmtree(gone)
    soar.search(TASKS, ScriptedModel(script), run=tmp_path / "cut", **options)
    assert content(tmp_path / "cut") == content(whole) and shown(tmp_path / "cut") == shown(whole)


def test_a_pool_that_has_changed_is_refused(earlier: Path, tmp_path: Path) -> None:
    options = {**SMALL, "few_shot": str(earlier)}
    soar.search(TASKS, ScriptedModel(script), run=tmp_path, **options)
    frozen = json.loads((tmp_path / "few_shot.json").read_text())
    frozen["0"]["examples"].pop()
    (tmp_path / "few_shot.json").write_text(json.dumps(frozen))
    with pytest.raises(ConfigError, match="few_shot \\(hash of the solved tasks\\) was"):
        soar.search(TASKS, ScriptedModel(script), run=tmp_path, **options)
    with pytest.raises(ConfigError, match="few_shot"):
        soar.search(TASKS, ScriptedModel(script), run=tmp_path, **SMALL)


def test_a_task_that_shares_an_example_is_never_shown(earlier: Path, tmp_path: Path) -> None:
    pool = solved_tasks(RunFolder(earlier), 0)
    twin = replace(TASKS["task1"], id="twin", train=(TASKS["task1"].train[2], *make_task("x", 7).train))
    assert "task1" not in {one.task.id for one in pool.suited(twin)} and len(pool.suited(twin)) == 5
    words = Task("words", (Example("a", "b"),), (Example("c", None),))
    assert pool.suited(words) == ()  # grids cannot be shown where values are
    # A twin that the earlier run has not searched is held out: its likes are shown to nobody.
    soar.search([twin, TASKS["task0"]], ScriptedModel(script), run=tmp_path, few_shot=str(earlier), **SMALL)
    assert not {"task1"} & {id for ids in shown(tmp_path).values() for id in ids}
    assert len(FewShotPool.from_json(RunFolder(tmp_path).read("few_shot.json")["0"]).examples) == 5


def test_solved_tasks_that_do_not_fit_the_window_are_left_out(earlier: Path, tmp_path: Path) -> None:
    task, prompts = TASKS["task0"], load_prompt_set("soar")
    suited = solved_tasks(RunFolder(earlier), 0).suited(task)
    alone, *longer = (len(prompts.render(task, (), one).text) for one in (None, *suited))
    for room, few_shot in ((alone, {()}), (max(longer), {(one.task.id,) for one in suited})):
        model = ScriptedModel(answers, context_length=-(-room // 4) + 100)
        run = tmp_path / str(room)
        options = {"samples": 64, "refinements": 0, "samples_per_request": 2, "max_tokens": 100, "workers": 1}
        soar.search(task, model, run=run, few_shot=str(earlier), **options)
        assert set(shown(run).values()) == few_shot


def test_a_later_iteration_learns_from_the_one_before(earlier: Path, tmp_path: Path) -> None:
    run = shutil.copytree(earlier, tmp_path / "run")
    results = soar.search(TASKS, ScriptedModel(script), run=run, iteration=1, few_shot=str(run), **SMALL)
    assert all(ids for (_, key), ids in shown(run).items() if key.startswith("1/")) and len(results) == 6
    assert RunFolder(run).read("few_shot.json")["1"]["source"] == f"{run}:0"
    with pytest.raises(ConfigError, match="cannot learn from itself"):
        soar.search(TASKS, ScriptedModel(script), run=run, iteration=2, few_shot=f"{run}:2", **SMALL)


@pytest.mark.parametrize(
    ("few_shot", "prompt_set", "said"),
    [("earlier", "mini", "prompt set mini shows no solved task"), ("nowhere", "soar", "no folder of a run"),
     ("earlier:7", "soar", "iteration 7"), ("failed", "soar", "solved no task")],
)  # fmt: skip
def test_what_cannot_be_is_refused(few_shot: str, prompt_set: str, said: str, earlier: Path, tmp_path: Path) -> None:
    soar.search(TASKS, ScriptedModel(["no idea"]), run=tmp_path / "failed", samples=4, refinements=0)
    source = tmp_path / "failed" if few_shot == "failed" else earlier.parent / few_shot
    model = ScriptedModel(script, prompt_set=prompt_set)
    with pytest.raises(ConfigError, match=said):
        soar.search(TASKS, model, run=tmp_path / "run", few_shot=str(source), **SMALL)
    assert model.requests == []


def test_merged_runs_keep_their_pool(earlier: Path, tmp_path: Path) -> None:
    from soar.evolution.merging import merge_runs

    options = {**SMALL, "few_shot": str(earlier)}
    for half in ("0", "3"):
        ids = [f"task{int(half) + i}" for i in range(3)]
        soar.search([TASKS[id] for id in ids], ScriptedModel(script), run=tmp_path / half, **options)
    merge_runs(tmp_path / "both", [tmp_path / "0", tmp_path / "3"])
    soar.search(TASKS, ScriptedModel(script), run=tmp_path / "whole", **options)
    assert content(tmp_path / "both") == content(tmp_path / "whole")
    again = soar.search(TASKS, ScriptedModel(script), run=tmp_path / "both", **options)
    assert again.to_json() == load_run(tmp_path / "whole").to_json()
