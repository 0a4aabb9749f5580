"""What `mini` is taught by default, and how hard: a training that helps only the tasks it was made from is a bug."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import soar


@pytest.mark.slow
def test_one_training_reaches_tasks_that_were_never_learnt_from(tmp_path: Path) -> None:
    learnt, held_out = (soar.load_tasks(f"gym/domain-1/{half}")[:40] for half in ("train", "held-out"))
    soar.iterate(learnt, held_out=held_out, run=tmp_path, iterations=1, samples=24, refinements=0, seed=3)
    before, after = (
        json.loads((tmp_path / f"held-out/iteration-{number}/evaluation.json").read_text())["summary"]
        for number in (0, 1)
    )
    assert after["sampled_pass@1"]["value"] > before["sampled_pass@1"]["value"] + 0.05
    assert after["oracle"]["value"] > before["oracle"]["value"] - 0.15
