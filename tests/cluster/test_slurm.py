"""The jobs of experiments/slurm, run by hand as an array would run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import soar
from soar.cli.main import main
from soar.evolution.results import load_run

ROOT = Path(__file__).parents[2]
SLURM = ROOT / "experiments" / "slurm"
SMALL = "--samples 8 --refinements 2 --workers 1 --seed 3"


def command(folder: Path) -> Path:
    """`soar` as a command of this environment."""
    file = folder / "soar"
    file.write_text(f"#!/bin/sh\nexec '{sys.executable}' -m soar \"$@\"\n")
    file.chmod(0o755)
    return file


def job(name: str, tmp_path: Path, **environment: str) -> str:
    common = {"SOAR": str(command(tmp_path)), "RUN": str(tmp_path / "run"), "SHARDS": "2", "OPTIONS": SMALL}
    common |= {"TASKS": str(tmp_path / "tasks.jsonl"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", str(SLURM / name)], env=os.environ | common | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.mark.slow
def test_an_array_by_hand_is_a_loop(tmp_path: Path) -> None:
    tasks = soar.load_tasks("gym/domain-1/train")[:4]
    lines = [json.dumps({"id": id, **task.to_json()}) for id, task in tasks.items()]
    (tmp_path / "tasks.jsonl").write_text("\n".join(lines))
    for shard in ("1", "2"):
        job("search.sbatch", tmp_path, SLURM_ARRAY_TASK_ID=shard, ITERATION="0")
    job("learn.sbatch", tmp_path, ITERATION="0", ROWS="--selection correct-only --per-task 1", TRAINING="--rank 4")
    adapter = tmp_path / "run" / "iteration-0" / "adapter"
    for shard in ("1", "2"):
        job("search.sbatch", tmp_path, SLURM_ARRAY_TASK_ID=shard, ITERATION="1", ADAPTER=str(adapter))
    from soar.evolution.merging import merge_runs

    merge_runs(tmp_path / "run", sorted((tmp_path / "run" / "shards").glob("*-of-2")))
    whole = soar.search(tasks, "mini", samples=8, refinements=2, workers=1, seed=3, progress=False)
    first, second = load_run(tmp_path / "run", 0), load_run(tmp_path / "run", 1)
    assert {id: one.to_json() for id, one in first.items()} == {id: one.to_json() for id, one in whole.items()}
    assert second.model == ("mini", soar.Adapter.load(adapter).name)
    assert second.summary.completions == 4 * 10


@pytest.mark.parametrize("shard", ["3/2", "0/2", "1", "a/b", "-1/2"])
def test_a_shard_that_is_none_is_refused(
    shard: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["soar", "search", "gym/domain-1/train", "--run", str(tmp_path), "--shard", shard])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2 and "3/8 is the third of eight" in capsys.readouterr().err


def test_more_shards_than_tasks_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["soar", "search", "3c9b0459", "--run", str(tmp_path), "--shard", "2/2"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2 and "has no task" in capsys.readouterr().err
