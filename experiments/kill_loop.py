"""Kill the loop in every stage, start it again each time, and compare: python experiments/kill_loop.py

A small loop over real tasks with the embedded model is killed (SIGKILL) in each of its stages, and the same command is
given again after each kill. Then: archives, rows, adapters (bit by bit) and figures are those of a loop that was left
alone.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import soar
from soar.loop.loop import load_report

LOOP = """
import sys
import soar
from soar import TrainingConfig

run, ttt, method, teacher = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(","), sys.argv[4] or None
shared = {"batch_size": 4, "micro_batch_size": 4, "checkpoint_seconds": 0}
methods = dict.fromkeys([*method, *(["sft"] if ttt else [])])
tasks = soar.load_tasks("arc-agi-1/training")
soar.iterate(
    tasks.select(["0520fde7", "3af2c5a8", "1e0a9b12"]), held_out=tasks.select(["a699fb00"]),
    target=tasks.select(["d631b094"]) if ttt else None, run=run, iterations=2 if teacher else len(method), ttt=ttt,
    samples=8, refinements=8, islands=2, samples_per_request=4, method=method, reward="smooth", teacher=teacher,
    hindsight={"per_task": 3, "selection": "greedy-diverse", "augment": 1},
    progress=True,
    training=[TrainingConfig.for_model("mini", method=one, epochs=2, **shared) for one in methods],
)
"""
STAGES = [
    "search 0", "held-out search 0", "hindsight 0", "training 0", "training 0: step 2", "search 1", "held-out search 1",
    "hindsight of all rounds", "training on all rounds", "training on all rounds: step 2", "test-time search 0",
    "test-time hindsight 0", "test-time training 0", "test-time search 1",
]  # fmt: skip
ARCHIVE = """SELECT task_hash, key, parents, n, seed, prompt_hash, adapter, position, reply, program.hash
    FROM request JOIN completion ON request_id = request.id LEFT JOIN program ON program.id = program_id
    ORDER BY iteration, task_hash, key, position"""


def start(run: Path, ways: Sequence[str]) -> subprocess.Popen[str]:
    """Start the loop; on standard error it says which stage begins."""
    return subprocess.Popen([sys.executable, "-c", LOOP, str(run), *ways], stderr=subprocess.PIPE, text=True)


def kill_in(run: Path, ways: Sequence[str], stage: str) -> bool:
    """Start the loop and kill it a moment after a stage, or a step of it, has begun; False where it never began."""
    title, _, step = stage.partition(": ")
    process, begun = start(run, ways), False
    assert process.stderr is not None
    for line in process.stderr:
        begun = begun or line.strip() == f"soar: {title}"
        if begun and (not step or line.startswith(f"soar: {step}/")):
            time.sleep(0 if step else 0.2)
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    process.stderr.close()
    return process.returncode == -signal.SIGKILL


def state(run: Path) -> dict[str, Any]:
    """Everything that a loop leaves, but times: archives, rows, adapters, figures."""
    from datasets import load_from_disk

    found: dict[str, Any] = {}
    for archive in run.rglob("archive.sqlite"):
        connection = sqlite3.connect(archive)
        found[str(archive.relative_to(run))] = connection.execute(ARCHIVE).fetchall()
        connection.close()
    for folder in run.rglob("dataset"):
        found[str(folder.relative_to(run))] = load_from_disk(str(folder)).to_list()
    for weights in run.rglob("adapter_model.safetensors"):
        found[str(weights.relative_to(run))] = weights.read_bytes()
    for figures in (*run.rglob("evaluation.json"), *run.glob("iteration-*/report.json"), run / "loop.json",
                    *run.rglob("teacher.json"), *run.glob("difficulty.json")):  # fmt: skip
        found[str(figures.relative_to(run))] = json.loads(figures.read_text())
    return found


def table(run: Path) -> list[dict[str, str]]:
    """The loop's table without its minutes."""
    header, *rows = load_report(run).table()
    return [{name: cell for name, cell in zip(header, row, strict=True) if name != "minutes"} for row in rows]


def main() -> None:
    """Print what was found as JSON; end with status 1 where anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/kill_loop"), help="folder for both runs, made anew")
    parser.add_argument("--ttt", type=int, default=1, help="test-time rounds; 0: neither pooling nor target")
    parser.add_argument("--method", default="sft", help="by which each round learns: sft,grpo")
    parser.add_argument("--stages", nargs="*", help="where to kill (default: everywhere): " + ", ".join(STAGES))
    parser.add_argument("--teacher", default="", help="of the loop, which then has two rounds")
    given = parser.parse_args()
    ways = [str(given.ttt), given.method, given.teacher]
    stages = given.stages or STAGES[: None if given.ttt else STAGES.index("hindsight of all rounds")]
    shutil.rmtree(given.out, ignore_errors=True)
    alone, killed = given.out / "left" / "loop", given.out / "killed" / "loop"  # figures are labelled by the folder
    begun = time.monotonic()
    undisturbed = start(alone, ways)
    print(undisturbed.communicate()[1], file=sys.stderr)
    seconds = time.monotonic() - begun
    kills = {}
    for stage in stages:
        kills[stage] = kill_in(killed, ways, stage)
        print(f"killed in {stage}: {kills[stage]}", file=sys.stderr, flush=True)
    last = start(killed, ways)
    print(last.communicate()[1], file=sys.stderr)
    states = state(alone), state(killed)
    differing = [name for name in states[0].keys() | states[1].keys() if states[0].get(name) != states[1].get(name)]
    found = {
        "killed_in": [stage for stage, done in kills.items() if done],
        "never_begun": [stage for stage, done in kills.items() if not done],
        "compared": len(states[0]),
        "differing": sorted(differing),
        "same_table": table(alone) == table(killed),
        "seconds_undisturbed": round(seconds, 1),
        "seconds": round(time.monotonic() - begun, 1),
        "soar": soar.__version__,
    }
    print(json.dumps(found, indent=1))
    right = not differing and found["same_table"] and not found["never_begun"] and last.returncode == 0
    sys.exit(0 if right and len(states[0]) > 5 else 1)


if __name__ == "__main__":
    main()
