"""Which model samples, which one refines? SOAR's tables 4 and 7 on `mini`. Protocol and results: docs/evidence.md.

    python experiments/evidence/refiners.py [--only-report]

Adapters from all searches of the loop of learning.py: from sampling rows alone, from refinement rows alone, from both
(joint). Kill it at any time and give the same command again.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from bench import REPEATED, RUNS, SEEDS, Cells, Slices, learned, put_arms, searched, slices

from soar.evaluation import Evaluation, evaluate
from soar.models.base import Prompt, Reply, Sampling
from soar.models.mini import MiniModel

SHOWS_ATTEMPT = "✎"  # prompts/mini/refine.j2

PAPER = {  # sampling / refining -> the paper's figure (14B, training set)
    "base / base": "34.83",
    "sampling / base": "",
    "sampling / sampling": "32.92",
    "sampling / refinement": "",
    "joint / base": "",
    "joint / joint": "44.42",
}


class Pair:
    """Two models as one: the second answers the prompts that show an earlier attempt."""

    name, prompt_set = "mini", "mini"

    def __init__(self, sampler: MiniModel, refiner: MiniModel) -> None:
        self.sampler, self.refiner = sampler, refiner
        self.adapter: str | None = None
        self.capabilities = sampler.capabilities

    async def complete(self, prompt: Prompt, n: int, sampling: Sampling, seed: int) -> Reply:
        """Return what the model in charge returns."""
        model = self.refiner if SHOWS_ATTEMPT in prompt.text else self.sampler
        return await model.complete(prompt, n, sampling, seed)

    def count_tokens(self, prompts: Sequence[Prompt]) -> list[int]:
        """Both have the same tokens."""
        return self.sampler.count_tokens(prompts)

    def load_adapter(self, path: str | None) -> None:
        """Both answer with it."""
        self.sampler.load_adapter(path)
        self.refiner.load_adapter(path)

    def close(self) -> None:
        """Close both."""
        self.sampler.close()
        self.refiner.close()


def main(
    seeds: Annotated[int, typer.Option(help="Repetitions of everything.")] = REPEATED,
    only_report: Annotated[bool, typer.Option("--only-report", help="Measure nothing.")] = False,
) -> None:
    """Measure what is missing; write the table."""
    cells = Cells("refiners")
    if not only_report:
        tasks = slices()
        for seed in SEEDS[:seeds]:
            measure(cells, tasks, seed)
    put_arms("refiners", [(arm, None if arm == "base / base" else "base / base") for arm in PAPER], cells, PAPER)


def measure(cells: Cells, tasks: Slices, seed: int) -> None:
    """Train the adapters, search with each pair."""
    for arm in PAPER:
        if not cells.get(arm, seed):
            sampler, refiner = (adapter_of(name, seed) for name in arm.split(" / "))
            run = RUNS / f"refiners-{seed}" / arm.replace(" / ", "-")
            cells.measure(arm, seed, partial(searched_by, sampler, refiner, tasks, run, seed))


def adapter_of(name: str, seed: int) -> str | None:
    """The folder of the adapter that an arm names; None for the base model."""
    if name == "base":
        return None
    kind = {"sampling": "sample", "refinement": "refine", "joint": None}[name]
    return str(learned(RUNS / f"refiners-{seed}" / name, seed, "all", kind=kind).path)


def searched_by(sampler: str | None, refiner: str | None, tasks: Slices, run: Path, seed: int) -> Evaluation:
    """Search the training slice with one model for the samples, another for the refinements."""
    with closing(Pair(MiniModel(workers=1), MiniModel(workers=1))) as pair:
        pair.sampler.load_adapter(sampler)
        pair.refiner.load_adapter(refiner)
        pair.adapter = f"{pair.sampler.adapter} / {pair.refiner.adapter}"
        return evaluate(searched(tasks.training, run, 1000 + seed, pair))


if __name__ == "__main__":
    typer.run(main)
