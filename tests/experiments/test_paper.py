"""The paper's experiment as a plan and as a loop, and programs of others as a run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from paper import OPTIONS, SETTINGS, estimate, rates_of
from paper_cost import ASSUMED, Rates, measured_search

import soar
from soar.core.errors import SoarError
from soar.loop.config import LoopConfig
from soar.models.spec import ModelSpec
from tests.experiments.test_experiments import ROOT


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, f"experiments/{script}", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)


@pytest.mark.parametrize("size", SETTINGS)
def test_settings_are_options_of_the_loop(size: str) -> None:
    setting = SETTINGS[size]
    config = LoopConfig.for_model(setting.served, OPTIONS)
    assert (config.samples, config.refinements, config.iterations, config.ttt) == (3000, 3000, 3, 2)
    assert not config.continued and config.hindsight.selection == "greedy-diverse" and config.hindsight.per_task == 50
    training = setting.training(setting.served)
    training.check_model(setting.served)
    assert (training.rank, training.quantize) == (64 if size == "123B" else 256, size not in ("7B", "14B"))
    assert (training.learning_rate, training.epochs, training.batch_size) == (5e-5, 3, 64)
    assert ModelSpec.of(setting.served).kind == "vllm"
    assert 2 * setting.parameters / setting.gpus < 0.6 * 80


@pytest.mark.parametrize("size", SETTINGS)
def test_parameters_are_those_that_the_widths_make(size: str) -> None:
    one = SETTINGS[size]
    layer = 2 * one.hidden * (one.hidden + one.keys) + 3 * one.hidden * one.intermediate
    vocabulary = 32768 if size == "123B" else 152064
    assert (one.layers * layer + 2 * vocabulary * one.hidden) / 1e9 == pytest.approx(one.parameters, rel=0.01)


def test_stages_are_those_of_the_loop() -> None:
    names = [stage.name for stage in estimate(SETTINGS["7B"], OPTIONS, ASSUMED, 400)]
    assert names[:4] == ["search 0", "hindsight 0", "training 0", "search 1"]
    assert sum(name.startswith("search") for name in names) == 4
    assert sum(name.startswith("training") for name in names) == 3 + 1 + 2
    assert names[-1] == "test-time search 2"


def test_what_is_measured_counts_instead_of_what_is_assumed() -> None:
    rates = Rates(generate=4000, learn=8000, reply=500, sampled=2000, refined=3000, stored=1000, source="by hand")
    stages = {stage.name: stage for stage in estimate(SETTINGS["32B"], OPTIONS, rates, 400)}
    search, training = stages["search 0"], stages["training 0"]
    assert search.hours == pytest.approx(400 * 6000 * 500 / 4000 / 3600)
    assert search.gpu_hours == 2 * search.hours and search.disk == 400 * 6000 * 1000
    assert training.hours == pytest.approx(3 * 400 * 50 * (2500 + 3500) / 8000 / 3600)
    assert rates_of(None, None, 7.0, None).generate == 7.0


def test_rates_are_read_from_a_run(two_rounds: Path, tmp_path: Path) -> None:
    counts = soar.Archive(two_rounds).counts()
    rates = measured_search(two_rounds)
    assert rates.reply == counts["tokens"] / counts["completions"]
    assert rates.generate and rates.generate > 0 and rates.stored > 100
    with pytest.raises(SoarError, match="holds no run to measure by"):
        measured_search(tmp_path)


def test_the_table_of_a_dry_run() -> None:
    done = run("paper.py", "14B", "--dry-run", "--generate", 5000, "--dollars", 2)
    assert done.returncode == 0, done.stderr
    assert "Qwen2.5-Coder-14B-Instruct" in done.stdout and "test-time search 2" in done.stdout
    assert "5,000 tokens/s" in done.stdout and "dollars" in done.stdout
    done = run("paper.py", "9B", "--dry-run")
    assert done.returncode == 2 and done.stderr.startswith("soar: '9B' is no model of the paper")


@pytest.mark.slow
def test_the_experiment_runs_small(tmp_path: Path) -> None:
    sizes = ["--limit", 3, "--samples", 8, "--refinements", 4, "--iters", 0, "--ttt", 0]
    done = run("paper.py", "7B", "--model", "mini", "--run", tmp_path / "run", *sizes)
    assert done.returncode == 0, done.stderr
    assert soar.Archive(tmp_path / "run").counts()["completions"] == 36


TASK = "25ff71a9"  # everything one row down
RIGHT = "def transform(grid):\n    return [[0] * len(grid[0])] + [list(row) for row in grid[:-1]]\n"
SAME = "def transform(grid_lst):\n    return [list(row) for row in grid_lst]\n"
RAISES = "def transform(grid):\n    raise ValueError('no')\n"


def released(path: Path, **changed: list[Any]) -> Path:
    """A file in the columns of the authors' data; the third program lies about what it gives."""
    task = soar.find_task(TASK)
    inputs = [[one.input for one in part] for part in (task.train, task.test)]
    outputs = [[one.output for one in part] for part in (task.train, task.test)]
    columns: dict[str, list[Any]] = {
        "code": [RIGHT, SAME, RAISES, "no program"],
        "correct_train_input": [[True] * len(inputs[0]), [False] * len(inputs[0])] * 2,
        "predicted_train_output": [outputs[0], inputs[0], outputs[0], outputs[0]],
        "correct_test_input": [[True] * len(inputs[1]), [False] * len(inputs[1])] * 2,
        "predicted_test_output": [outputs[1], inputs[1], outputs[1], outputs[1]],
        "task_id": [TASK] * 4,
        "model": ["theirs"] * 4,
        "generation": [0, 0, 0, 1],
    }
    pq.write_table(pa.table(columns | changed), path)
    return path


def test_released_programs_become_a_run_that_hindsight_reads(tmp_path: Path) -> None:
    from import_programs import import_programs

    file, tasks = released(tmp_path / "theirs.parquet"), {TASK: soar.find_task(TASK)}
    counts = import_programs(file, tmp_path / "run", tasks, workers=1).counts
    assert counts == {"programs": 4, "unread": 1, "agree": 2, "differ": 1}
    again = import_programs(file, tmp_path / "run", tasks, workers=1).counts
    assert again == {"known": 4}
    with pytest.raises(SoarError, match="begun with another --per-task"):
        import_programs(file, tmp_path / "run", tasks, per_task=2, workers=1)
    results = soar.load_run(tmp_path / "run", iteration=0)
    assert results[TASK].solved and [one.train_accuracy for one in results[TASK].attempts] == [1, 0, 0]
    rows, report = soar.make_dataset(tmp_path / "run", iteration=0, per_task=10, progress=False)
    assert {row["kind"] for row in rows} == {"sample"} and {row["model"] for row in rows} == {"theirs"}
    assert any("grid[:-1]" in row["completion"] for row in rows), report


def test_a_file_that_cannot_be_taken_is_told_in_a_line(tmp_path: Path) -> None:
    from import_programs import import_programs

    tasks = {TASK: soar.find_task(TASK)}
    several = released(tmp_path / "several.parquet", model=["a", "b", "a", "b"])
    with pytest.raises(SoarError, match="2 models: name one, a, b"):
        import_programs(several, tmp_path / "run", tasks)
    assert import_programs(several, tmp_path / "run", tasks, model="b", workers=1).counts["programs"] == 2
    strange = released(tmp_path / "strange.parquet", task_id=["elsewhere"] * 4)
    with pytest.raises(SoarError, match="no program of theirs for any of the 1 tasks"):
        import_programs(strange, tmp_path / "other", tasks)
    pq.write_table(pa.table({"task_id": [TASK]}), tmp_path / "bare.parquet")
    with pytest.raises(SoarError, match="lacks the column 'code'"):
        import_programs(tmp_path / "bare.parquet", tmp_path / "other", tasks)
