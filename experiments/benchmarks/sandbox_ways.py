"""Ways to run programs, one of which a process of the benchmark serves: see sandbox.py.

    python experiments/benchmarks/sandbox_ways.py WAY WORKERS PROGRAMS SEED

Loads nothing but what programs may use, so that what forks is no larger than it must be."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from arc_like import answers_of, jobs

if TYPE_CHECKING:
    from soar.sandbox import Sandbox, Value

    Job = tuple[str, list[Value]]
    Way = Callable[[Sequence[Job]], list[list[object]]]  # the answers; None where the program raised

RUNNER = """
import json, sys
import numpy as np
source, grids = json.load(sys.stdin)
scope = {}
exec(source, scope)
answers = []
for grid in grids:
    try:
        answer = scope["transform"](grid)
    except Exception:
        answer = None
    answers.append(answer)
json.dump(answers, sys.stdout, default=lambda item: item.tolist())
"""


def run_in_process(batch: Sequence[Job]) -> list[list[object]]:
    return [answers_of(*job) for job in batch]


def run_bare_fork(batch: Sequence[Job]) -> list[list[object]]:
    """The limit of one process per program: what has loaded the libraries forks, and reads the answers from a pipe."""
    found = []
    for source, grids in batch:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            rest = json.dumps(answers_of(source, grids)).encode()
            while rest:
                rest = rest[os.write(writer, rest) :]
            os._exit(0)
        os.close(writer)
        with open(reader, "rb") as stream:
            found.append(json.load(stream))
        os.waitpid(pid, 0)
    return found


def run_fresh_interpreter(batch: Sequence[Job]) -> list[list[object]]:
    import subprocess

    command = [sys.executable, "-c", RUNNER]
    return [
        json.loads(subprocess.run(command, input=json.dumps(job).encode(), capture_output=True, check=True).stdout)
        for job in batch
    ]


def run_pool_per_input(batch: Sequence[Job]) -> list[list[object]]:
    from concurrent.futures import ProcessPoolExecutor

    found = []
    for source, grids in batch:
        answers: list[object] = []
        for grid in grids:
            with ProcessPoolExecutor(max_workers=1) as pool:
                answers += pool.submit(answers_of, source, [grid]).result()
        found.append(answers)
    return found


def run_pool(batch: Sequence[Job]) -> list[list[object]]:
    from concurrent.futures import ProcessPoolExecutor

    found = []
    for job in batch:
        with ProcessPoolExecutor(max_workers=1) as pool:
            found.append(pool.submit(answers_of, *job).result())
    return found


def run_sandbox(sandbox: Sandbox, batch: Sequence[Job]) -> list[list[object]]:
    return [[outcome.value for outcome in outcomes] for outcomes in sandbox.run(batch)]


WAYS: dict[str, Way] = {
    "bare fork": run_bare_fork,
    "fresh interpreter": run_fresh_interpreter,
    "pool per input": run_pool_per_input,
    "pool": run_pool,
    "in-process": run_in_process,
}


def serve(name: str, workers: int, count: int, seed: int) -> None:
    """One process of a measurement: get ready, say so, wait for the word, run `count` programs, check the answers."""
    batch, warm = jobs(count, seed), jobs(10, seed + 1000)
    if name == "sandbox":
        from soar.sandbox import Sandbox

        sandbox = Sandbox(workers=workers)
        way: Way = partial(run_sandbox, sandbox)
    else:
        import gc

        import numpy as np
        import scipy.ndimage

        import soar.grids

        assert np and scipy.ndimage and soar.grids
        gc.collect()
        gc.freeze()
        way = WAYS[name]
    way(warm[: 3 if name == "fresh interpreter" else 10])
    print("ready", flush=True)
    sys.stdin.readline()
    found = way(batch)
    print("done", flush=True)
    sys.stdin.readline()
    assert found == run_in_process(batch), f"{name}: an answer is wrong"
    if name == "sandbox":
        sandbox.close()


if __name__ == "__main__":
    serve(sys.argv[1], *map(int, sys.argv[2:]))
