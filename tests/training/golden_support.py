"""Golden solutions without a search: generated tasks with the programs that made them."""

from __future__ import annotations

import json
import random
from typing import Any

from corpus import to_task
from datasets import Dataset

from soar.prompts.prompt_set import load_prompt_set
from soar.tasks.gym.generator import generate


def golden_rows(count: int, seed: int = 0) -> Dataset:
    """Rows as `soar.make_golden` makes them."""
    rng, prompts, rows = random.Random(seed), load_prompt_set("mini"), []
    for number in range(count):
        made = generate(rng, max_side=8, max_cells_total=200)
        task, _ = to_task(made)
        prompt = prompts.render(task)
        row: dict[str, Any] = {
            "task_id": f"task{number}", "task_hash": task.content_hash, "prompt": list(prompt.messages),
            "prefill": prompt.prefill, "completion": made.body, "raw": True, "stop": list(prompts.settings.stop),
            "examples": json.dumps({"train": [one.to_json() for one in task.train], "tolerance": None}),
            "model": "mini", "adapter": None, "prompt_set": prompts.label,
        }  # fmt: skip
        rows.append(row)
    return Dataset.from_list(rows)
