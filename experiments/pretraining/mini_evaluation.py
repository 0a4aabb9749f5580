"""What is measured while `mini` is trained: exact match on generated tasks, solve rate on a slice of real ones."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from pathlib import Path
from typing import Any

from corpus import EVERYTHING, Source, Stage, to_task
from mini_training import save_model
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

import soar
from soar.models.mini.decoder import Decoder
from soar.prompts.prompt_set import load_prompt_set
from soar.tasks.gym.generator import generate

SIZES = {"small": (10, 400), "large": (30, 2000)}  # sides and cells of the held-out tasks


def evaluate(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path, source: Source
) -> dict[str, Any]:
    """Return all figures; `folder` is where the model is saved for the search."""
    save_model(folder, model, tokenizer)
    return {**exact_match(model, tokenizer, source), **solve_rate(folder)}


def exact_match(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, source: Source, tasks: int = 200
) -> dict[str, Any]:
    """Greedy programs on generated tasks never trained on: share equal to the right text, by kind, size and family."""
    state = {name: weight.detach().cpu() for name, weight in model.state_dict().items()}
    decoder = Decoder(model.config.to_dict(), state, [model.config.eos_token_id])
    rng = random.Random("held out")
    right: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for i in range(tasks):
        size = "large" if i % 4 >= 2 else "small"
        kind = "refinement" if i % 2 and source is EVERYTHING else "sampling"
        side, cells = SIZES[size]
        if source is EVERYTHING:
            generated = generate(rng, max_side=side, max_cells_total=cells, refinement=kind == "refinement")
        else:
            generated = source.draw(rng, Stage(1.0, side, cells))
        text = load_prompt_set("mini").render(*to_task(generated)).text
        ids = [tokenizer.bos_token_id, *tokenizer.encode(text, add_special_tokens=False)]
        drawn = decoder.sample([], ids, 1, seed=0, temperature=0.0, min_p=0.0, max_tokens=96)[0]
        for name in (f"exact_{kind}_{size}", generated.family):
            seen[name] += 1
            right[name] += tokenizer.decode(drawn.ids) == generated.body
    shares = {name: round(right[name] / seen[name], 3) for name in sorted(seen)}
    named = {name: shares.pop(name) for name in list(shares) if name.startswith("exact_")}
    return {**named, "families": shares}


def solve_rate(folder: Path, samples: int = 16) -> dict[str, Any]:
    """Search the slice of the ARC-AGI-1 training tasks: tasks, those whose prompt fits, those solved."""
    tasks = {key: task for key, task in soar.load_tasks("arc-agi-1/training").items() if in_slice(key)}
    results = soar.search(tasks, model=f"mini:{folder}", samples=samples, refinements=0, progress=False)
    solved = results.summary.tasks_solved
    return {"arc_tasks": len(tasks), "arc_searched": results.summary.searched, "arc_solved": solved}


def in_slice(task_id: str) -> bool:
    """Whether the task belongs to the slice: one of eight, by the hash of its id."""
    return hashlib.blake2b(task_id.encode(), digest_size=1).digest()[0] % 8 == 0
