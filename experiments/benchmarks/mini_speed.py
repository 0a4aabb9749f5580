"""How fast `mini` searches typical tasks, and what the time goes into: python experiments/benchmarks/mini_speed.py

Typical tasks: those of ARC-AGI-1 training with three examples whose inputs are all 10 by 10. Measured: completions per
second from the first request to the last result, processor time of the model's processes, of the sandbox and of the
engine around them, and apart from it, on one thread, what a prompt and a request of samples or of refinements take.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import json
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Annotated, Any, cast

import numpy as np
import psutil
import torch
import typer

import soar
from soar.evolution.config import SearchConfig
from soar.evolution.slices import refinement_prompt
from soar.models.mini import WEIGHTS, MiniModel
from soar.models.mini.child import Child
from soar.prompts.prompt_set import load_prompt_set
from soar.tasks.sets import TaskSet

RESULT = Path(__file__).parent / "results" / "mini_speed.json"
SIDE, EXAMPLES = 10, 3
BUDGET = 64


def typical_tasks() -> TaskSet:
    """The tasks, none picked by hand."""
    tasks = soar.load_tasks("arc-agi-1/training")
    shape = (SIDE, SIDE)
    return tasks.select(
        [
            id
            for id, task in tasks.items()
            if len(task.train) == EXAMPLES and all(np.shape(cast(Any, e.input)) == shape for e in task.train)
        ]
    )


class Meter(threading.Thread):
    """Reads the processor time of this process's children until told to stop."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seconds: dict[int, tuple[str, float]] = {}
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.2):
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.NoSuchProcess):  # programs come and go; what ended counts for who started it
                    part = "sandbox" if "-P" in process.cmdline() else "model"
                    self.seconds[process.pid] = part, sum(process.cpu_times()[:4])

    def by_part(self) -> dict[str, float]:
        """Seconds by part: the sandbox's, the model's."""
        return {
            part: round(sum(used for name, used in self.seconds.values() if name == part), 1)
            for part in ("model", "sandbox")
        }


def search(tasks: TaskSet) -> dict[str, Any]:
    """Search all typical tasks; return speed and where the processor time went."""
    meter = Meter()
    with closing(MiniModel()) as model:
        model.count_tokens([load_prompt_set("mini").render(tasks[0])])
        meter.start()
        own = time.process_time()
        *_, last = soar.search_iter(tasks, model, samples=BUDGET, refinements=BUDGET, seed=0)
        own = time.process_time() - own
        meter.done.set()
        meter.join()
    assert last.results is not None
    done = last.results.summary
    return {
        "tasks": done.searched,
        "completions": done.completions,
        "distinct_programs": done.programs,
        "seconds": round(last.seconds, 1),
        "completions_per_second": round(done.completions / last.seconds, 1),
        "processor_seconds": meter.by_part() | {"engine": round(own, 1)},
    }


def parts(tasks: TaskSet) -> dict[str, float]:
    """Milliseconds of one thread, means over the tasks."""
    torch.set_num_threads(1)
    decoder, prompts = Child(str(WEIGHTS)).decoder, load_prompt_set("mini")
    wanted = prompts.settings
    samples = wanted.samples_per_request
    refinements: int = SearchConfig.model_fields["refinements_per_request"].default
    names = ("prompt", f"request of {samples} samples", f"request of {refinements} refinements")
    drawing: dict[str, Any] = {
        "seed": 0, "temperature": wanted.temperature, "min_p": 0.05, "max_tokens": wanted.max_tokens,
    }  # fmt: skip
    sums = dict.fromkeys(names, 0.0)
    with closing(MiniModel(workers=1)) as model:
        for task in tasks.values():
            prefix, rest = model._encode(prompts.render(task))
            shared, longer = model._encode(refinement_prompt(task, prompts))
            assert shared == prefix
            marks = [time.perf_counter()]
            decoder._prefix_cache(prefix)
            marks.append(time.perf_counter())
            for more, n in ((rest, samples), (longer, refinements)):
                decoder.sample(prefix, more, n, **drawing)
                marks.append(time.perf_counter())
            for name, begin, end in zip(names, marks, marks[1:], strict=False):
                sums[name] += 1000 * (end - begin) / len(tasks)
    return {name: round(value, 1) for name, value in sums.items()}


def main(note: Annotated[str, typer.Option(help="What else the machine did, for the record.")] = "") -> None:
    """Measure and write the figures."""
    tasks = typical_tasks()
    figures = {"cores": os.cpu_count(), "note": note, "search": search(tasks), "milliseconds": parts(tasks)}
    RESULT.write_text(json.dumps(figures, indent=1) + "\n")
    typer.echo(json.dumps(figures, indent=1))


if __name__ == "__main__":
    typer.run(main)
