"""A loop that is as small as loops can be, as a script that can be killed, and all that it leaves but times."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import soar
from soar.datasets import TaskSet
from tests.search_support import content

TRAINING, HELD_OUT, TARGET = ("0520fde7", "3af2c5a8", "1e0a9b12"), ("a699fb00",), ("d631b094",)
SCRIPT = """
import json, sys
from tests.loop_support import TINY, some
import soar
from soar.training import TrainingConfig

changes = json.loads(sys.argv[2])
options = TINY | changes
training = TrainingConfig.for_model("mini", epochs=2, batch_size=4, micro_batch_size=4, checkpoint_seconds=0)
report = soar.iterate(
    some("training"), held_out=some("held_out"), target=some("target") if options["ttt"] else None, run=sys.argv[1],
    training=training, progress=True, **options,
)
print(report)
"""
TINY: dict[str, Any] = {
    "iterations": 1, "ttt": 1, "samples": 8, "refinements": 8, "islands": 2, "samples_per_request": 4,
    "hindsight": {"per_task": 3},
}  # fmt: skip


def some(name: str) -> TaskSet:
    """A few tasks that mini solves."""
    ids = {"training": TRAINING, "held_out": HELD_OUT, "target": TARGET}[name]
    return soar.load_tasks("arc-agi-1/training").select(ids)


def start(run: Path, **changes: Any) -> subprocess.Popen[str]:
    """Start the loop in a process of its own, which tells its stages on standard error."""
    command = [sys.executable, "-c", SCRIPT, str(run), json.dumps(changes)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def state(run: Path) -> dict[str, Any]:
    """Everything that a loop leaves, but times: archives, rows, adapters, figures."""
    from datasets import load_from_disk

    found: dict[str, Any] = {}
    for archive in run.rglob("archive.sqlite"):
        found[str(archive.parent.relative_to(run))] = content(archive.parent)
    for folder in run.rglob("dataset"):
        found[str(folder.relative_to(run))] = load_from_disk(str(folder)).to_list()
    for weights in run.rglob("adapter_model.safetensors"):
        found[str(weights.relative_to(run))] = weights.read_bytes()
    for figures in run.rglob("evaluation.json"):
        found[str(figures.relative_to(run))] = json.loads(figures.read_text())
    for adapter in run.rglob("soar.json"):
        found[str(adapter.relative_to(run))] = json.loads(adapter.read_text())["name"]
    return found
