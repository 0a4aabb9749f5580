"""Compare sizes, colours, density and objects of generated tasks with those of the ARC-AGI-1 training tasks.

    python experiments/pretraining/compare_generated.py [--tasks 1000] [--plot runs/compared.png]

Only figures are compared: no grid of a benchmark enters the generator. Tasks are drawn as in the last stage of the
pretraining. A row gives quantiles over tasks (means over a task's grids), and the distance between the two
distributions: Wasserstein's, in standard deviations of ARC's.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import random
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from corpus import STAGES, draw_task, to_task
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance
from tokenizers import Tokenizer

from soar.grids import n_objects
from soar.models.mini import WEIGHTS
from soar.prompts.prompt_set import load_prompt_set
from soar.tasks.sets import load_tasks
from soar.tasks.task import Task

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


def main(
    tasks: Annotated[int, typer.Option(help="Generated tasks.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the generated tasks.")] = 0,
    stage: Annotated[int, typer.Option(help="Stage of the pretraining; the last by default.")] = len(STAGES) - 1,
    plot: Annotated[Path | None, typer.Option(help="Draw both into this file (needs matplotlib).")] = None,
) -> None:
    """Print quantiles of both, and how far they are apart."""
    rng = random.Random(seed)
    started = time.process_time()
    generated = [draw_task(rng, STAGES[stage], refinement=False) for _ in range(tasks)]
    print(f"{tasks / (time.process_time() - started):.0f} tasks drawn per CPU second")
    ours = measure(to_task(task)[0] for task in generated)
    arc = measure(load_tasks("arc-agi-1/training").values())
    print(f"{'quantiles':>26} " + " ".join(f"{q:>8}" for q in QUANTILES) + f" {'distance':>9}")
    total = 0.0
    for name, values in arc.items():
        distance = wasserstein_distance(ours[name], values) / (values.std() or 1.0)
        total += distance
        for whose, drawn in (("generated", ours[name]), ("ARC training", values)):
            row = " ".join(f"{x:8.2f}" for x in np.quantile(drawn, QUANTILES))
            print(f"{name if whose == 'generated' else whose:>26} {row}" + f" {distance:9.2f}" * (whose == "generated"))
    print(f"{'mean distance':>26} {total / len(arc):.3f}")
    if plot:
        draw_both(ours, arc, plot)


def measure(tasks: Iterable[Task]) -> dict[str, NDArray[np.float64]]:
    """Return each figure's values, one per task."""
    tokenizer = Tokenizer.from_file(str(WEIGHTS / "tokenizer.json"))
    prompts = load_prompt_set("mini")
    rows = []
    for task in tasks:
        length = len(tokenizer.encode(prompts.render(task).text).ids) + 1
        rows.append({"prompt tokens": float(length), **figures(task)})
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def figures(task: Task) -> dict[str, float]:
    """Return what is compared of one task."""
    pairs = [(np.array(example.input), np.array(example.output)) for example in task.train]
    inputs, outputs = zip(*pairs, strict=True)
    return {
        "examples": len(pairs),
        "cells of an input": mean(x.size for x in inputs),
        "longer side": mean(max(x.shape) for x in inputs),
        "shorter / longer side": mean(min(x.shape) / max(x.shape) for x in inputs),
        "colours of an input": mean(len(np.unique(x)) for x in inputs),
        "colours of a task": len(np.unique(np.concatenate([x.ravel() for x in (*inputs, *outputs)]))),
        "share not 0": mean((x != 0).mean() for x in inputs),
        "share not background": mean(1 - np.bincount(x.ravel()).max() / x.size for x in inputs),
        "objects": mean(n_objects(x) for x in inputs),
        "cells of an object": mean(np.count_nonzero(x) / max(1, n_objects(x)) for x in inputs),
        "colour changes per cell": mean(changes(x) for x in inputs),
        "all inputs of one size": float(len({x.shape for x in inputs}) == 1),
        "output has input's size": mean(x.shape == y.shape for x, y in pairs),
        "log2 of area ratio": mean(np.log2(y.size / x.size) for x, y in pairs),
        "cells changed": mean((x != y).mean() for x, y in pairs if x.shape == y.shape),
    }


def mean(values: Iterable[float]) -> float:
    """The mean; 0 of nothing."""
    found = [float(value) for value in values]
    return sum(found) / len(found) if found else 0.0


def changes(grid: NDArray[np.int64]) -> float:
    """Share of neighbouring cells, across and down, whose colours differ: 0 where all is one area, near 1 in noise."""
    pairs = grid[1:].size + grid[:, 1:].size
    return float(((grid[1:] != grid[:-1]).sum() + (grid[:, 1:] != grid[:, :-1]).sum()) / max(1, pairs))


def draw_both(
    ours: dict[str, NDArray[np.float64]], arc: dict[str, NDArray[np.float64]], path: Path, columns: int = 4
) -> None:
    """Draw a histogram of each figure, both distributions on one axis."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(-(-len(arc) // columns), columns, figsize=(4 * columns, 2.6 * len(arc) / columns))
    for axis, name in zip(axes.flat, arc, strict=False):
        bins = np.histogram_bin_edges(np.quantile(np.concatenate([ours[name], arc[name]]), (0, 0.99)), 24)
        axis.hist([np.minimum(arc[name], bins[-1]), np.minimum(ours[name], bins[-1])], bins, density=True)
        axis.set_title(name)
    for axis in axes.flat[len(arc) :]:
        axis.axis("off")
    axes.flat[0].legend(["ARC-AGI-1 training", "generated"])
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    typer.run(main)
