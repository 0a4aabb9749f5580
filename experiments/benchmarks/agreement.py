"""How far replies through vLLM agree with transformers: python experiments/benchmarks/agreement.py

Greedy replies to the sampling prompts of 30 tasks, with the embedded model's weights, for the base model and for a LoRA
adapter with random matrices: how many texts are the same, and by how much the log-probability of a whole reply differs
where they are; `--adapter trl=FOLDER` adds a trained one, and says how far it moves replies from the base model's.
transformers computes in float32; vLLM in float32 and in bfloat16, its default for these weights. Needs SOAR_VLLM, see
docs/models.md.
"""

from __future__ import annotations

import asyncio
import json
import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")

import tempfile
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from models import fitting_tasks
from peft import LoraConfig, get_peft_model
from transformers import LlamaForCausalLM

from soar.models import LanguageModel, Prompt, Reply, Sampling, open_model
from soar.models.mini import WEIGHTS
from soar.prompts.prompt_set import load_prompt_set

RESULT = Path(__file__).parent / "results" / "agreement.json"
GREEDY = Sampling(temperature=0.0, max_tokens=64)
RANK = 32  # the largest that is served; the one that mini's adapters are trained with


def random_adapter(folder: str) -> str:
    """Write an adapter that changes most replies."""
    base = LlamaForCausalLM.from_pretrained(WEIGHTS, dtype=torch.float32)
    torch.manual_seed(0)
    config = LoraConfig(r=8, lora_alpha=8, target_modules="all-linear", init_lora_weights=False)
    get_peft_model(base, config).save_pretrained(folder)
    return folder


async def replies(model: LanguageModel, prompts: list[Prompt]) -> list[Reply]:
    """One greedy reply for each prompt; as many at once as the model wants."""
    places = asyncio.Semaphore(model.capabilities.max_concurrency)

    async def one(prompt: Prompt) -> Reply:
        async with places:
            return await model.complete(prompt, 1, GREEDY, 0)

    return list(await asyncio.gather(*map(one, prompts)))


def ask(name: str, prompts: list[Prompt], adapters: dict[str, str]) -> dict[str, list[Reply]]:
    """Replies of the base model and of each adapter."""
    found = {}
    with closing(open_model(name)) as model:
        for kind, path in {"base": None, **adapters}.items():
            model.load_adapter(path)
            found[kind] = asyncio.run(replies(model, prompts))
    return found


def compare(ours: list[Reply], theirs: list[Reply]) -> dict[str, Any]:
    """Texts that are the same, and the differences of their log-probabilities."""
    pairs = [(a.completions[0], b.completions[0]) for a, b in zip(ours, theirs, strict=True)]
    same = [(a, b) for a, b in pairs if a.text == b.text]
    differences = [abs((a.logprob or 0) - (b.logprob or 0)) for a, b in same]
    tokens = sum(a.tokens for a, _ in same)
    return {
        "replies": len(pairs),
        "same_text": len(same),
        "tokens_in_them": tokens,
        "largest_difference": max(differences),
        "mean_difference_per_token": sum(differences) / tokens,
    }


def moved(base: list[Reply], adapter: list[Reply]) -> dict[str, Any]:
    """Texts that an adapter changes, and by how much it moves the log-probabilities of the others."""
    pairs = [(a.completions[0], b.completions[0]) for a, b in zip(base, adapter, strict=True)]
    same = [(b.logprob or 0) - (a.logprob or 0) for a, b in pairs if a.text == b.text]
    return {"changed_text": len(pairs) - len(same), "mean_move_of_the_others": sum(same) / len(same) if same else None}


def main(
    count: Annotated[int, typer.Option(help="Tasks.")] = 30,
    adapter: Annotated[list[str] | None, typer.Option(help="A trained adapter: trl=FOLDER, unsloth=FOLDER.")] = None,
) -> None:
    """Ask both and write the table."""
    prompts = [load_prompt_set("mini").render(task) for task in fitting_tasks(count).values()]
    table: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        adapters = {"adapter": random_adapter(folder), **dict(one.split("=", 1) for one in adapter or [])}
        theirs = ask(f"hf:{WEIGHTS}", prompts, adapters)
        for dtype in ("float32", "bfloat16"):
            ours = ask(f"vllm:{WEIGHTS} --dtype {dtype} --max-lora-rank {RANK}", prompts, adapters)
            table[dtype] = {kind: compare(ours[kind], theirs[kind]) for kind in ours}
            for kind in adapters:
                table[dtype][kind] |= {"vllm": moved(ours["base"], ours[kind])}
                table[dtype][kind] |= {"transformers": moved(theirs["base"], theirs[kind])}
    RESULT.write_text(json.dumps(table, indent=1) + "\n")
    typer.echo(json.dumps(table, indent=1))


if __name__ == "__main__":
    typer.run(main)
