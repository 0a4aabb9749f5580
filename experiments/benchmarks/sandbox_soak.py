"""10,000 mixed programs in one run, a tenth of them hostile: every verdict right, memory flat, nothing left behind.

    python experiments/benchmarks/sandbox_soak.py [--programs 10000] [--workers 2]

Prints figures, writes results/sandbox_soak.json beside this file, and ends with status 1 if anything is wrong."""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # the hostile programs lie among the tests

from arc_like import answers_of, jobs

from soar.sandbox import Outcome, Sandbox, Value
from tests.sandbox.hostile_code import CODE
from tests.sandbox.hostile_reach import REACH
from tests.sandbox.hostile_values import VALUES
from tests.sandbox.support import GRID, LIMITS, Hostile, descendants, gone_soon, marked_files, resident_mb

HERE = Path(__file__).parent
Item = tuple[str, list[Value], Hostile | None]
BATCH = 500


def mixed(count: int, seed: int) -> list[Item]:
    """Programs with their inputs, a tenth of them hostile, in random order."""
    rng = random.Random(seed)
    hostile = [*CODE, *VALUES, *REACH]
    items: list[Item] = [(source, grids, None) for source, grids in jobs(count - count // 10, seed)]
    items += [(program.source, [GRID], program) for program in (hostile * count)[: count // 10]]
    rng.shuffle(items)
    return items


def wrong(item: Item, outcomes: list[Outcome]) -> str | None:
    """What is wrong with the outcomes of a program, if anything."""
    source, inputs, program = item
    if program is not None:
        return None if program.judges(outcomes[0]) else f"{program}: {outcomes[0]}"
    expected = answers_of(source, inputs)
    found = [outcome.value if outcome.status == "ok" else None for outcome in outcomes]
    raised = [answer is None for answer in expected] == [outcome.status == "error" for outcome in outcomes]
    return None if found == expected and raised else f"honest: {source[:80]!r}: {outcomes}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    items = mixed(arguments.programs, seed=0)
    before, descriptors = descendants(os.getpid()), len(os.listdir("/proc/self/fd"))
    faults: list[str] = []
    statuses: Counter[str] = Counter()
    memory: list[tuple[float, float]] = []
    seconds = 0.0
    with Sandbox(workers=arguments.workers, limits=LIMITS) as sandbox:
        zygotes = descendants(os.getpid()) - before
        for start in range(0, len(items), BATCH):
            batch = items[start : start + BATCH]
            begun = time.perf_counter()
            results = sandbox.run([(source, inputs) for source, inputs, _ in batch])
            seconds += time.perf_counter() - begun
            for item, outcomes in zip(batch, results, strict=True):
                statuses.update(outcome.status for outcome in outcomes)
                if fault := wrong(item, outcomes):
                    faults.append(fault)
            memory.append((resident_mb(), sum(map(resident_mb, zygotes))))
            print(
                f"{start + len(batch):6} programs, {seconds:6.1f} s, MiB here and in zygotes: {memory[-1]}", flush=True
            )
        same = zygotes <= descendants(os.getpid())
        extra = not gone_soon(descendants(os.getpid()) - before - zygotes)
    left = not gone_soon(descendants(os.getpid()) - before)
    files = marked_files()
    growth = [last - first for first, last in zip(memory[len(memory) // 5], memory[-1], strict=True)]
    facts = {
        "programs": len(items),
        "hostile": len(items) // 10,
        "workers": arguments.workers,
        "seconds": round(seconds, 1),
        "programs per second": round(len(items) / seconds, 1),
        "outcomes": dict(statuses),
        "wrong verdicts": len(faults),
        "zygotes replaced": not same,
        "MiB at a fifth and at the end: here, zygotes": [memory[len(memory) // 5], memory[-1]],
        "processes left": extra or left,
        "files left": files,
        "descriptors left": len(os.listdir("/proc/self/fd")) - descriptors,
    }
    print("\n".join(faults[:20]))
    print(json.dumps(facts, indent=1))
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "sandbox_soak.json").write_text(json.dumps(facts, indent=1) + "\n")
    if faults or extra or left or files or facts["descriptors left"] or max(growth) > 16:
        sys.exit(1)


if __name__ == "__main__":
    main()
