"""Rows to train on, without a search: generated tasks with the programs that made them."""

from __future__ import annotations

import random

from corpus import to_task
from datasets import Dataset

from soar.prompts.prompt_set import load_prompt_set
from soar.tasks.gym.generator import generate


def generated_rows(count: int, seed: int = 0, max_side: int = 8, max_cells: int = 200) -> Dataset:
    """Rows as hindsight makes them, of tasks that `mini` was made for; every third shows a wrong program first."""
    rng = random.Random(seed)
    prompts = load_prompt_set("mini")
    rows = []
    for number in range(count):
        refine = number % 3 == 2
        made = generate(rng, max_side=max_side, max_cells_total=max_cells, refinement=refine)
        task, parents = to_task(made)
        prompt = prompts.render(task, parents)
        rows.append(
            {
                "kind": "refine" if refine else "sample",
                "prompt": list(prompt.messages),
                "prefill": prompt.prefill,
                "completion": made.body,
                "prompt_set": f"mini:{prompts.hash}",
            }
        )
    return Dataset.from_list(rows)
