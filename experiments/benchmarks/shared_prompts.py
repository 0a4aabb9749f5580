"""What it brings to let rows of one prompt share it: tokens of rows for each second of processor time.

A bare loop (forward, backward, AdamW on LoRA matrices of rank 32) with `mini` on one thread, over the same rows, once
as they are and once with `soar.training.branches`. Repeat: `python experiments/benchmarks/shared_prompts.py`
"""

from __future__ import annotations

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}

import json
import random
import resource
import sys
import time
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "pretraining"))

from corpus import to_task
from transformers import AutoTokenizer

from soar.models.mini import WEIGHTS
from soar.models.tokens import encode_reply
from soar.prompts.prompt_set import load_prompt_set
from soar.tasks.gym.generator import generate
from soar.training.branches import IGNORED
from soar.training.config import TrainingConfig
from soar.training.network import load_network
from soar.training.steps import PADDED_TO, Shared, Unmasked

MICRO_BATCH, BATCHES = 16, 6
RESULT = Path(__file__).parent / "results" / "shared-prompts.json"


def rows_of(replies: int, tokenizer: Any) -> list[dict[str, Any]]:
    """Encoded rows, `replies` of them for each prompt: the programs of other tasks."""
    rng, prompts = random.Random(0), load_prompt_set("mini")
    made = [generate(rng, max_side=10, max_cells_total=400, refinement=False) for _ in range(MICRO_BATCH * BATCHES)]
    rows = []
    for number in range(len(made)):
        prompt = prompts.render(to_task(made[number // replies])[0])
        before, after = encode_reply(tokenizer, prompt, made[number].body)
        rows.append({"input_ids": before + after, "labels": [IGNORED] * len(before) + after})
    return rows


def speed(network: Any, rows: list[dict[str, Any]], collate: Any) -> float:
    """Tokens of rows for each second of processor time; the first micro-batch is not counted."""
    optimizer = torch.optim.AdamW([one for one in network.parameters() if one.requires_grad], 1e-4)
    tokens, started = 0, 0.0
    for start in range(0, len(rows), MICRO_BATCH):
        some = rows[start : start + MICRO_BATCH]
        network(**collate(some), use_cache=False).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        tokens += sum(len(row["input_ids"]) for row in some) if start else 0
        started = started or time.process_time()
    return tokens / (time.process_time() - started)


def main() -> None:
    """Measure both ways for several numbers of replies to a prompt."""
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(WEIGHTS)
    network = load_network(str(WEIGHTS), TrainingConfig.for_model("mini", precision="fp32"), False, None, 4096).train()
    found = []
    for replies in (1, 4, 16):
        rows = rows_of(replies, tokenizer)
        apart = speed(network, rows, Unmasked(tokenizer.pad_token_id, pad_to_multiple_of=PADDED_TO))
        shared = speed(network, rows, Shared(tokenizer.pad_token_id))
        mean = sum(len(row["input_ids"]) for row in rows) / len(rows)
        found.append(
            {"replies": replies, "tokens a row": mean, "rows": apart, "shared": shared, "ratio": shared / apart}
        )
        print(found[-1], flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    RESULT.write_text(json.dumps({"threads": 1, "precision": "fp32", "peak MB": peak, "found": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
