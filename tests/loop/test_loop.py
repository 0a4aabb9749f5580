"""The loop: its sets, options and folder; and, killed and resumed, what it leaves."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import soar
from soar.core.errors import SoarError
from soar.evaluation import vote_runs
from soar.evolution.config import ConfigError
from soar.evolution.results import load_run
from soar.evolution.run_folder import RunFolder
from soar.evolution.slices import readable, shuffled
from soar.evolution.stopping import StopFile
from soar.loop.config import MINI_ROWS, LoopFolder, refuse_leaks, separate
from soar.loop.loop import LoopConfig, LoopError, iterate_iter, load_report
from soar.loop.tracker import open_trackers
from soar.models.adapter import Adapter, AdapterError
from soar.models.mini import MiniModel
from soar.prompts.prompt_set import prompts_folder
from soar.tasks.sets import TaskSet
from soar.tasks.task import Task
from soar.training.config import TrainingConfig
from tests.experiments.test_experiments import figures
from tests.models.endpoint_support import serving
from tests.search_support import TASKS, make_task

OTHERS = {f"other{i}": make_task(f"other{i}", 10 + i) for i in range(3)}


def renamed(task: Task) -> Task:
    """The same task under another id and without its answers."""
    return replace(task.without_test_outputs(), id=f"{task.id} again")


def test_sets_that_share_examples_are_refused_by_name() -> None:
    leak = {"x": renamed(TASKS["task1"])}
    for sets in ((TASKS, leak, None), (TASKS, None, leak), (OTHERS, TASKS, leak)):
        with pytest.raises(LoopError, match="task1 and task1 again"):
            separate(*sets)
    sets = separate(TASKS, leak, OTHERS, drop=True)
    assert list(sets.training) == ["task0", "task2"] and sets.dropped == {"training": ["task1"]}
    with pytest.raises(LoopError, match="no training tasks are left"):
        separate({"a": TASKS["task1"]}, leak, None, drop=True)


def test_another_run_that_is_pooled_may_not_hold_what_is_measured(tmp_path: Path) -> None:
    RunFolder(tmp_path).adopt(({}, TASKS))
    refuse_leaks([tmp_path], separate(OTHERS, None, None))
    with pytest.raises(LoopError, match="pooled tasks share examples with target"):
        refuse_leaks([tmp_path], separate(OTHERS, None, {"x": renamed(TASKS["task2"])}))
    with pytest.raises(LoopError, match="holds no run"):
        refuse_leaks([tmp_path / "nothing"], separate(OTHERS, None, None))


def claim(folder: Path, **changes: Any) -> None:
    given: dict[str, Any] = {"model": "mini", "training": {"rank": 8}, "held_out": None, "target": None} | changes
    sets = separate(given.pop("tasks", TASKS), given.pop("held_out"), given.pop("target"))
    model, training = given.pop("model"), given.pop("training")
    LoopFolder(folder).claim(model, LoopConfig.of(given), sets, training, [])


def test_a_changed_option_is_refused_by_name(tmp_path: Path) -> None:
    claim(tmp_path, iterations=2, samples=8)
    claim(tmp_path, iterations=2, samples=8, workers=1)
    changes: dict[str, Any] = {
        "samples": 16, "model": "hf:x", "training": {"rank": 16}, "seed": 1, "hindsight": {"per_task": 3},
        "iterations": 1, "tasks": OTHERS, "continued": True,
    }  # fmt: skip
    made = json.loads((tmp_path / "loop.json").read_text())
    del made["continued"]  # as in folders that are older than the option
    (tmp_path / "loop.json").write_text(json.dumps(made))
    for name, value in changes.items():
        with pytest.raises(LoopError, match=name):
            claim(tmp_path, **{"iterations": 2, "samples": 8, name: value})
    claim(tmp_path, iterations=3, samples=8, held_out=OTHERS)  # more rounds, and a set where there was none
    with pytest.raises(LoopError, match="held_out tasks was '3 tasks"):
        claim(tmp_path, iterations=3, samples=8, held_out={"other0": OTHERS["other0"]})
    LoopFolder(tmp_path).pooled.mkdir()
    with pytest.raises(LoopError, match="pooled already"):
        claim(tmp_path, iterations=4, samples=8, held_out=OTHERS)


def test_unknown_options_and_missing_targets_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nearest: iterations"):
        next(iterate_iter(TASKS, run=tmp_path / "a", iteratons=2))
    with pytest.raises(ConfigError, match="nearest: per_task"):
        next(iterate_iter(TASKS, run=tmp_path / "a", hindsight={"per_tsk": 2}))
    with pytest.raises(LoopError, match="need target tasks"):
        next(iterate_iter(TASKS, run=tmp_path / "a", ttt=1))
    with pytest.raises(LoopError, match="holds no loop"):
        load_report(tmp_path)
    assert not (tmp_path / "a").exists()


def test_mini_learns_from_rows_of_its_own_others_from_the_papers() -> None:
    papers = LoopConfig.of({}).hindsight
    assert (papers.selection, papers.scope, papers.per_task) == ("greedy-diverse", "current", 50)
    assert LoopConfig.for_model("hf:x", {"hindsight": {"per_task": 3}}).hindsight.per_task == 3
    assert LoopConfig.for_model("vllm:x", {}).hindsight == papers
    for model in ("mini", "mini:folder"):
        own = LoopConfig.for_model(model, {"hindsight": {"selection": "greedy"}, "samples": 4})
        assert own.hindsight.model_dump() == papers.model_dump() | MINI_ROWS | {"selection": "greedy"}
        assert own.samples == 4 and LoopConfig.for_model(model, {"hindsight": papers}).hindsight == papers


def test_a_model_that_cannot_learn_is_refused_with_the_reason(tmp_path: Path) -> None:
    with serving() as server, pytest.raises(LoopError, match="cannot load adapters"):
        list(iterate_iter(TASKS, f"openai:m@{server.url}", run=tmp_path, min_p=0.0))
    assert server.bodies == []  # nothing was asked


def test_slices_depend_on_content_alone(mini: MiniModel) -> None:
    tasks = soar.load_tasks("arc-agi-1/training")
    order = shuffled(readable(tasks, mini))
    backwards = TaskSet(reversed(list(tasks.values())))
    assert list(order) == list(shuffled(readable(backwards, mini)))
    assert list(order)[:3] != list(tasks)[:3] and 300 < len(order) < len(tasks)
    window = mini.capabilities.context_length
    assert window is not None
    huge = max(tasks.values(), key=lambda task: len(json.dumps(task.to_json())))
    assert huge.id not in order


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loop of one round with held-out tasks that was left alone; another was killed and is the same."""
    out = tmp_path_factory.mktemp("loop")
    stages = ["search 0", "training 0: step 2", "search 1"]
    found = figures("kill_loop.py", "--out", str(out), "--ttt", "0", "--stages", *stages)
    assert found["killed_in"] == stages and found["differing"] == []
    return out / "left" / "loop"


@pytest.mark.slow
def test_a_loop_leaves_a_folder_that_anyone_can_read(left: Path) -> None:
    report = load_report(left)
    assert [one.title for one in report.rounds] == ["training 0", "training 1", "held-out 0", "held-out 1"]
    adapter = Adapter.load(left / "iteration-0" / "adapter")
    assert [one.evaluation.adapter for one in report.rounds] == [None, adapter.name, None, adapter.name]
    assert set(report.comparisons) == {"training", "held-out"}
    assert report.minutes.keys() >= {"search 0", "hindsight 0", "training 0", "search 1", "held-out search 1"}
    page = (left / "report.md").read_text()
    assert adapter.name in page and "plots/solved-by-round.svg" in page
    assert (left / "plots" / "solved-by-round.svg").exists() and list((left / "tensorboard").iterdir())
    data = json.loads((left / "report.json").read_text())
    rows = report.rounds[0].rows
    assert data["rounds"][0]["rows"] == rows and sum(rows.values()) == adapter.made_of["rows"] > 0
    learnt = {row["task_id"] for row in rows_of(left / "iteration-0" / "dataset")}
    assert learnt <= set(RunFolder(left).tasks()) and not learnt & set(RunFolder(left / "held-out").tasks())
    assert "training 0 -> 1" in str(report)


def test_one_vote_over_all_searches_of_a_set_stands_below_them(left: Path) -> None:
    report = load_report(left)
    assert [row[0] for row in report.table()[1:]] == [
        "training 0", "training 1", "training, one vote", "held-out 0", "held-out 1", "held-out, one vote",
    ]  # fmt: skip
    both = vote_runs([load_run(left, 0), load_run(left, 1)], embedder=None).evaluation
    assert report.joint["training"] == both
    assert json.loads((left / "report.json").read_text())["one_vote"].keys() == {"training", "held-out"}
    oracle = [one.evaluation.summary["oracle"] for one in report.of("training")]
    joint = both.summary["oracle"]
    assert joint is not None and all(one is not None and joint.value >= one.value for one in oracle)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    from datasets import load_from_disk

    return list(load_from_disk(str(folder)))


def test_an_adapter_is_searched_with_and_refused_where_it_does_not_belong(
    left: Path, mini: MiniModel, tmp_path: Path
) -> None:
    adapter = Adapter.load(left / "iteration-0" / "adapter")
    changed = shutil.copytree(prompts_folder() / "mini", tmp_path / "mini")
    (changed / "sample.j2").write_text((changed / "sample.j2").read_text() + " ")
    task = soar.load_tasks("arc-agi-1/training")["a699fb00"]
    result = soar.search(task, mini, adapter=adapter.path, samples=2, refinements=0)
    assert {attempt.adapter for attempt in result.attempts} == {adapter.name}
    with pytest.raises(AdapterError, match="trained on prompts of mini"):
        soar.search(task, mini, adapter=adapter, samples=2, refinements=0, prompt_set=str(changed))
    with pytest.raises(ConfigError, match="holds no adapter"):
        soar.search(task, mini, adapter=left, samples=2, refinements=0)
    mini.load_adapter(None)


@pytest.mark.slow
def test_test_time_rounds_go_on_from_a_loop(left: Path, tmp_path: Path) -> None:
    run = tmp_path / "loop"
    shutil.copytree(left, run)
    made = json.loads((run / "loop.json").read_text())
    tasks = soar.load_tasks("arc-agi-1/training")
    hidden = tasks.select(["d631b094"]).without_test_outputs()
    options = {name: made[name] for name in ("samples", "refinements", "islands", "samples_per_request", "reward")}
    assert made["hindsight"]["scope"] == "all" and made["iterations"] == 1 and made["continued"] is True
    options["iterations"] = 2
    report = soar.iterate(
        tasks.select(RunFolder(run).tasks()), held_out=tasks.select(["a699fb00"]), target=hidden, ttt=1, run=run,
        training=TrainingConfig.of(made["training"]), hindsight=made["hindsight"], progress=False, **options,
    )  # fmt: skip
    assert 0 in {row["iteration"] for row in rows_of(run / "iteration-1" / "dataset")}  # of all rounds so far
    before, after = report.of("target")
    names = [Adapter.load(run / place / "adapter").name for place in ("pooled", "target/iteration-0")]
    assert [before.evaluation.adapter, after.evaluation.adapter] == names
    chain = [Adapter.load(run / place / "adapter") for place in ("iteration-0", "iteration-1", "pooled")]
    last = Adapter.load(run / "target" / "iteration-0" / "adapter")
    assert [one.made_of["continue_from"] for one in (*chain, last)] == [None, *(one.name for one in chain)]
    pooled, both = (rows_of(run / place / "dataset") for place in ("pooled", "target/iteration-0"))
    assert both[: len(pooled)] == pooled and len(both) > len(pooled)
    own = both[len(pooled) :]
    assert {row["task_id"] for row in own} == {"d631b094"} and {row["kind"] for row in own} == {"sample"}
    assert [row["test_accuracy"] for row in own] == [None] * len(own)
    assert {row["iteration"] for row in pooled} <= {0, 1, 2} and before.evaluation.summary["mean_solved"] is None
    assert [row[1:3] for row in report.table()[-3:]] == [("?/1", "?")] * 3  # two searches, and one vote over both
    assert spent(report.joint["target"]) == spent(before.evaluation) + spent(after.evaluation)
    assert spent(report.joint["training"]) == sum(spent(one.evaluation) for one in report.of("training"))


def spent(evaluation: soar.Evaluation) -> int:
    return sum(row.completions for row in evaluation.per_task)


def test_trackers_that_are_unknown_or_missing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SoarError, match="not to 'wanbd'"):
        open_trackers(["wanbd"], tmp_path)


def test_a_search_that_is_stopped_stops_the_loop_which_goes_on_later(tmp_path: Path) -> None:
    tasks = soar.load_tasks("arc-agi-1/training").select(["0520fde7", "a699fb00"])
    stop = tmp_path / "stop"
    stop.touch()
    options: dict[str, Any] = {"iterations": 0, "samples": 4, "refinements": 0, "run": tmp_path / "run"}
    halted = soar.iterate(tasks, stop=StopFile(stop), progress=False, **options)
    assert halted.stopped is not None and "stop file" in str(halted) and halted.rounds == ()
    stop.unlink()
    report = soar.iterate(tasks, stop=StopFile(stop), progress=False, **options)
    assert report.stopped is None and [one.title for one in report.rounds] == ["training 0"]


def test_figures_reach_tensorboard(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (tmp_path / "loop.json").write_text("{}")
    (tracker,) = open_trackers([], tmp_path)
    for step, value in ((0, 0.25), (1, 0.5)):
        tracker.log({"search/mean_solved": value, "search/oracle": 1.0}, step)
    tracker.close()
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(one.step, one.value) for one in events.Scalars("search/mean_solved")] == [(0, 0.25), (1, 0.5)]
