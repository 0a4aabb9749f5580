"""The engine and its archive under load, without a model or a sandbox: python experiments/benchmarks/engine.py

A simulated model takes lognormal times (sigma 1), a simulated sandbox 50 ms a program; 64 requests are under way at
once. The clock jumps over waiting: it shows the time the engine needs itself, plus the waiting that nothing shortens.
So hours of search are measured in minutes, and a slow engine still keeps the model idle.

With --completions N the model is an endpoint that has places for N completions; with --single it gives one a request,
as servers without `n` do: --tasks 5 --programs 128 --completions 32 --single is few tasks at such a server.

Measured: the share of its 64 places that the model has free while there is work; the time against searching in rounds
that wait for the slowest request (a round: one request for every island of every task; a batch: 64 requests), and what
it would be against rounds if no place were ever free; the engine's own CPU time per program; peak memory; size of the
archive; and how memory and archive grow on the way.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import json
import math
import queue
import random
import resource
import selectors
import sys
import tempfile
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from soar.archive.writer import ArchiveWriter
from soar.evolution.budget import FixedBudget
from soar.evolution.client import ModelClient
from soar.evolution.config import SearchConfig
from soar.evolution.engine import search_all
from soar.evolution.plan import make_plan
from soar.evolution.progress import Progress
from soar.evolution.requests import SearchContext
from soar.evolution.run_folder import RunFolder
from soar.evolution.snapshot import Snapshot
from soar.models.base import Capabilities, Completion, Prompt, Reply, Sampling
from soar.sandbox.outcome import Outcome, ProgramError
from soar.tasks.task import Example, Task
from soar.tasks.values import Value

SIGMA = 1.0
MEDIAN_SECONDS = 8.0  # of a request
PROGRAM_SECONDS = 0.05  # CPU time of a program on all inputs
SANDBOX_WORKERS = 16
IN_FLIGHT = 64
SIDE = 10  # cells of a grid's side
POINTS = 20  # at which growth is measured
BODY = "\n".join(f"    step_{i} = [[cell for cell in row] for row in grid]  # one line of some {i}" for i in range(16))


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next event instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__(_JumpingSelector(self))
        self.jumped = 0.0

    def time(self) -> float:
        """Seconds of work and of waiting, the latter without having waited."""
        return time.monotonic() + self.jumped


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self.loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0 if timeout is not None else None)
        if not events and timeout is not None:
            self.loop.jumped += max(timeout, 0.0)
        return events


class SimulatedModel:
    """Answers after a lognormal time with programs nobody has seen before; counts what its answers cost to make."""

    name, prompt_set = "simulated", "soar"
    adapter: str | None = None

    def __init__(self, completions: int | None = None, single: bool = False) -> None:
        self.capabilities = Capabilities(
            n=not single, min_p=True, logprobs=False, seed=not single, prefill=True, system_role=True, adapters=False,
            context_length=None, max_concurrency=completions or IN_FLIGHT, remote=completions is not None,
        )  # fmt: skip
        self.cpu = 0.0
        self.completions_under_way = self.most_completions = 0
        self.busy = array("d")  # start, end and number of completions of each request
        # Of each request, in arrays, so that what is measured is the engine's memory:
        self.starts, self.ends = array("d"), array("d")
        self.work = {"sample": array("d"), "refine": array("d")}  # seconds

    async def complete(self, prompt: Prompt, n: int, sampling: Sampling, seed: int) -> Reply:
        """Return `n` replies of about 1,300 characters; one in twenty holds no program."""
        loop, before = asyncio.get_running_loop(), time.thread_time()
        rng = random.Random(seed)
        seconds = rng.lognormvariate(math.log(MEDIAN_SECONDS), SIGMA)
        start = loop.time()
        texts = [_reply(rng) for _ in range(n)]
        self.cpu += time.thread_time() - before
        self.completions_under_way += n
        self.most_completions = max(self.most_completions, self.completions_under_way)
        await asyncio.sleep(seconds)
        self.completions_under_way -= n
        self.busy.extend((start, loop.time(), n))
        self.starts.append(start)
        self.ends.append(loop.time())
        self.work["refine" if "earlier attempt" in prompt.text else "sample"].append(seconds)
        return Reply(tuple(Completion(text, len(text) // 4, "stop") for text in texts), len(prompt.text) // 4)

    def count_tokens(self, prompts: Sequence[Prompt]) -> None:
        """It has no tokens."""

    def load_adapter(self, path: str | None) -> None:
        """It learns nothing."""

    def close(self) -> None:
        """Nothing to end."""


class SimulatedSandbox:
    """Runs nothing: what a program would return is drawn by a number in its source."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.answers = {json.dumps(e.input): e.output for task in tasks for e in (*task.train, *task.test)}
        self.places = asyncio.Semaphore(SANDBOX_WORKERS)
        self.cpu = 0.0

    async def submit(self, source: str, inputs: Sequence[Value], entry_point: str) -> list[Outcome]:
        """Return one outcome per input: right, wrong in a few cells, or an error in one program of ten."""
        async with self.places:
            await asyncio.sleep(PROGRAM_SECONDS)
        before = time.thread_time()
        rng = random.Random(source.rpartition("#")[2])
        failed = rng.random() < 0.1
        outcomes = [_outcome(rng, self.answers[json.dumps(value)], failed) for value in inputs]
        self.cpu += time.thread_time() - before
        return outcomes


def _reply(rng: random.Random) -> str:
    if rng.random() < 0.05:
        return "I do not see the rule."
    return f"The rule:\n```python\ndef transform(grid):\n{BODY}\n    return grid  #{rng.getrandbits(60)}\n```\n"


def _outcome(rng: random.Random, answer: Any, failed: bool) -> Outcome:
    if failed:
        return Outcome("error", error=ProgramError("IndexError", "list index out of range", 3), seconds=0.01)
    grid: Any = [list(row) for row in answer]
    for _ in range(rng.choice([0, 1, 3, 10])):
        grid[rng.randrange(SIDE)][rng.randrange(SIDE)] = rng.randrange(10)
    return Outcome("ok", grid, seconds=0.01)


def _tasks(count: int) -> list[Task]:
    rng = random.Random(0)

    def grid() -> Value:
        return [[rng.randrange(10) for _ in range(SIDE)] for _ in range(SIDE)]

    examples = [[Example(grid(), grid()) for _ in range(4)] for _ in range(count)]
    return [Task(f"task{i}", tuple(four[:3]), tuple(four[3:])) for i, four in enumerate(examples)]


def idle_share(starts: Sequence[float], ends: Sequence[float]) -> float:
    """The share of the places left free, from the first request until the last one is sent.

    After that there is no more work to give: the model runs empty whatever the engine does.
    """
    first, last = min(starts), max(starts)
    busy = sum(min(end, last) - start for start, end in zip(starts, ends, strict=True))
    return 1 - busy / ((last - first) * IN_FLIGHT)


def busy_completions(busy: Sequence[float]) -> float:
    """How many completions were under way on average, from the first request until the last one is sent."""
    starts, ends, sizes = busy[::3], busy[1::3], busy[2::3]
    first, last = min(starts), max(starts)
    spent = zip(starts, ends, sizes, strict=True)
    return sum(n * (min(end, last) - start) for start, end, n in spent) / (last - first)


def in_rounds(samples: Sequence[float], refinements: Sequence[float], per_round: int) -> float:
    """Seconds for the same requests where all sampling comes first and each step of refinement is a round.

    A round asks once for every island of every task, 64 at a time, and ends with its slowest request.
    """
    total = _makespan(samples)
    for start in range(0, len(refinements), per_round):
        total += _makespan(refinements[start : start + per_round])
    return total


def _makespan(seconds: Sequence[float]) -> float:
    free = [0.0] * IN_FLIGHT
    for one in seconds:
        heapq.heappush(free, heapq.heappop(free) + one)
    return max(free)


@dataclass(slots=True)
class Growth:
    """What is measured each time that so many completions more are there; `look` goes on by itself."""

    archive: Path
    progress: Progress
    step: int
    points: list[dict[str, float]] = field(default_factory=list)

    def look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Measure if it is time to, and again after a second of the loop's clock."""
        if self.progress.completions >= self.step * (len(self.points) + 1):
            resident = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
            size = self.archive.stat().st_size
            mb = {"memory_mb": round(resident / 1e6), "archive_mb": round(size / 1e6, 1)}
            self.points.append({"completions": self.progress.completions, **mb})
            print(self.points[-1], file=sys.stderr, flush=True)
        loop.call_later(1.0, self.look, loop)


def measure(
    count: int, per_task: int, folder: Path, completions: int | None = None, single: bool = False
) -> dict[str, Any]:
    """Search `count` tasks with `per_task` programs each, half of them refinements; return the figures."""
    options = {
        "samples": per_task // 2, "refinements": per_task // 2, "samples_per_request": min(50, per_task // 2),
        "early_stop": per_task + 1, "stop_when_solved": 0,
    }  # fmt: skip
    config, tasks, model = SearchConfig.of(options), _tasks(count), SimulatedModel(completions, single)
    client = ModelClient(model, config.concurrency)
    plan = make_plan({task.id: task for task in tasks}, client, config)
    run, progress = RunFolder(folder), Progress(count, count * per_task, {})
    loop, growth = JumpingLoop(), Growth(run.archive, progress, count * per_task // POINTS)
    snapshots: queue.SimpleQueue[Snapshot | None] = queue.SimpleQueue()
    with ArchiveWriter(run.archive) as archive, asyncio.Runner(loop_factory=lambda: loop) as runner:
        sandbox = SimulatedSandbox(tasks)
        before, started = time.thread_time(), loop.time()
        loop.call_soon(growth.look, loop)
        runner.run(
            search_all(plan, SearchContext(client, sandbox, archive, config, progress, FixedBudget()), run, snapshots)
        )
        cpu, clock = time.thread_time() - before - model.cpu - sandbox.cpu, loop.time() - started
    rounds = in_rounds(model.work["sample"], model.work["refine"], config.islands * count)
    every = [*model.work["sample"], *model.work["refine"]]
    batches = sum(max(every[start : start + IN_FLIGHT]) for start in range(0, len(every), IN_FLIGHT))
    return {
        "programs": progress.programs,
        "completions": progress.completions,
        "requests": len(every),
        "hours_searched": round(clock / 3600, 2),
        "completions_under_way": round(busy_completions(model.busy), 1),
        "completions_under_way_at_most": model.most_completions,
        "idle_percent": round(100 * idle_share(model.starts, model.ends), 2),
        "times_faster_than_rounds": round(rounds / clock, 2),
        "times_faster_at_most": round(rounds * IN_FLIGHT / sum(every), 2),
        "times_faster_than_batches": round(batches / clock, 2),
        "cpu_ms_per_program": round(1000 * cpu / progress.completions, 3),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "archive_mb": round(run.archive.stat().st_size / 1e6, 1),
        "archive_bytes_per_program": round(run.archive.stat().st_size / progress.completions),
        "growth": growth.points,
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=400)
    parser.add_argument("--programs", type=int, default=600, help="of each task (600: 240,000 in all)")
    parser.add_argument("--completions", type=int, help="an endpoint with so many places (default: 64 requests)")
    parser.add_argument("--single", action="store_true", help="one completion a request")
    parser.add_argument("--folder", help="where the archive is made (default: a temporary folder)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        print(json.dumps(measure(given.tasks, given.programs, Path(folder), given.completions, given.single), indent=1))


if __name__ == "__main__":
    main()
