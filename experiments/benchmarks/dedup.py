"""Near-duplicates and hindsight at size: python experiments/benchmarks/dedup.py

1. 6,000 embeddings of 768 dimensions: `deduplicate`, against one matrix product followed by a double loop in Python (as
   the authors' code does) and against one dot product per pair. All three must keep the same rows.
2. 100,000 such embeddings: seconds, and memory beyond the embeddings themselves.
3. `make_dataset` over an archive of 240,000 attempts at 400 tasks (simulated model, see engine.py): attempts and rows
   per second, peak memory.

Embeddings: unit vectors around random centres, three to a centre on average, at cosines of 0.7 to 1 to their centre.
Prints JSON. Each part runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = 768
THRESHOLD = 0.9
Embeddings = NDArray[np.float32]


def some_embeddings(rows: int) -> Embeddings:
    """Return (rows, 768), made block by block so that nothing else is in memory."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(rows // 3, DIMENSIONS)).astype(np.float32)
    made = np.empty((rows, DIMENSIONS), dtype=np.float32)
    for start in range(0, rows, 1000):
        count = min(1000, rows - start)
        spread = rng.uniform(0, 1, size=(count, 1))
        block = centres[rng.integers(0, len(centres), count)] + spread * rng.normal(size=(count, DIMENSIONS))
        made[start : start + count] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return made


def double_loop(embeddings: Embeddings) -> list[int]:
    """One product of all with all, then two loops."""
    similar = embeddings @ embeddings.T
    dropped: set[int] = set()
    for i in range(len(embeddings)):
        if i in dropped:
            continue
        for j in range(i + 1, len(embeddings)):
            if similar[i][j] > THRESHOLD:
                dropped.add(j)
    return [i for i in range(len(embeddings)) if i not in dropped]


def pair_by_pair(embeddings: Embeddings) -> list[int]:
    """A dot product for each row with each kept one before it, until one is alike."""
    kept: list[int] = []
    for i, row in enumerate(embeddings):
        if not any(np.dot(row, embeddings[j]) > THRESHOLD for j in kept):
            kept.append(i)
    return kept


def ours(embeddings: Embeddings) -> list[int]:
    """`soar.programs.dedup.deduplicate`."""
    from soar.programs.dedup import deduplicate

    return [int(i) for i in deduplicate(embeddings, THRESHOLD)]


def timed(work: Callable[[Embeddings], list[int]], embeddings: Embeddings, repeats: int) -> tuple[float, list[int]]:
    """Return the best time of several, and what is kept."""
    best, kept = float("inf"), []
    for _ in range(repeats):
        before = time.perf_counter()
        kept = work(embeddings)
        best = min(best, time.perf_counter() - before)
    return best, kept


def compare(rows: int) -> dict[str, Any]:
    """Part 1."""
    embeddings = some_embeddings(rows)
    fast, kept = timed(ours, embeddings, 3)
    loop, kept_loop = timed(double_loop, embeddings, 1)
    pairs, kept_pairs = timed(pair_by_pair, embeddings, 1)
    if not kept == kept_loop == kept_pairs:
        raise SystemExit("the three ways keep different rows")
    return {
        "rows": rows,
        "kept": len(kept),
        "seconds": round(fast, 3),
        "seconds_double_loop": round(loop, 2),
        "seconds_pair_by_pair": round(pairs, 2),
        "times_faster_than_double_loop": round(loop / fast, 1),
        "times_faster_than_pair_by_pair": round(pairs / fast, 1),
    }


def peak_mb() -> float:
    """The most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def many(rows: int) -> dict[str, Any]:
    """Part 2."""
    embeddings = some_embeddings(rows)
    ours(embeddings[:64])  # libraries loaded, threads begun
    before = peak_mb()
    seconds, kept = timed(ours, embeddings, 1)
    return {
        "rows": rows,
        "kept": len(kept),
        "seconds": round(seconds, 1),
        "embeddings_mb": round(embeddings.nbytes / 2**20),
        "memory_beyond_embeddings_mb": round(peak_mb() - before),
    }


def build(folder: str, tasks: int, per_task: int) -> dict[str, Any]:
    """The archive for part 3."""
    sys.path.insert(0, str(Path(__file__).parent))
    import engine

    run = Path(folder)
    made = engine._tasks(tasks)
    options: dict[str, Any] = {
        "model": "simulated",
        "adapter": None,
        "prompt_set": "soar",
        "prompt_set_hashes": {},
        "skipped": {},
    }
    rounds = {"0": options | {"options": {"samples": per_task // 2, "refinements": per_task // 2}}}
    (run / "config.json").write_text(json.dumps(rounds))
    (run / "tasks.json").write_text(json.dumps({task.id: task.to_json() for task in made}))
    engine.measure(tasks, per_task, run)
    return {}


def hindsight(folder: str) -> dict[str, Any]:
    """Part 3."""
    from soar.hindsight import make_dataset

    before, cpu = time.perf_counter(), time.process_time()
    dataset, report = make_dataset(folder)
    seconds, cpu = time.perf_counter() - before, time.process_time() - cpu
    return {
        "attempts": report.completions,
        "programs": report.programs,
        "solutions": report.solutions,
        "rows": len(dataset),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "attempts_per_second": round(report.completions / seconds),
        "rows_per_second": round(len(dataset) / seconds),
        "peak_memory_mb": round(peak_mb()),
        "archive_mb": round((Path(folder) / "archive.sqlite").stat().st_size / 1e6),
    }


PARTS: dict[str, Callable[..., dict[str, Any]]] = {
    "compare": compare, "many": many, "build": build, "hindsight": hindsight
}  # fmt: skip


def part(name: str, *arguments: object) -> dict[str, Any]:
    """Run one part in a process of its own."""
    command = [sys.executable, __file__, "--part", json.dumps([name, *arguments])]
    return dict(json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout))


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=6000)
    parser.add_argument("--many", type=int, default=100_000)
    parser.add_argument("--tasks", type=int, default=400)
    parser.add_argument("--programs", type=int, default=600, help="of each task (600: 240,000 in all)")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part:
        name, *arguments = json.loads(given.part)
        print(json.dumps(PARTS[name](*arguments)))
        return
    figures: dict[str, Any] = {"load_before": round(os.getloadavg()[0], 1), "cores": os.cpu_count()}
    figures["compared"] = part("compare", given.rows)
    figures["many"] = part("many", given.many)
    with tempfile.TemporaryDirectory() as folder:
        part("build", folder, given.tasks, given.programs)
        figures["hindsight"] = part("hindsight", folder)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
