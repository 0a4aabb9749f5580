"""Train `mini`, the embedded model, from nothing on generated tasks.

    python experiments/pretrain_mini.py --out runs/mini

Kill it at any time and give the same command again: it goes on from its last checkpoint. The finished model lies in
OUT/model in the Hugging Face format; `metrics.jsonl` has the loss and the exact match on tasks drawn with other seeds.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # spinning threads would starve the process that draws the tasks

import json
import random
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch.nn import functional as F
from torch.utils.data import DataLoader
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

import soar.grids
from soar.models.mini.corpus import Corpus, to_task
from soar.models.mini.decoder import Decoder
from soar.models.mini.generator import HEADER, generate
from soar.models.mini.signature import grids_signature
from soar.models.mini.tokenizer import build_tokenizer
from soar.prompting import load_prompt_set

WINDOW = 2048
STEPS_PER_POOL = 2.2  # batches of 64 small tasks; larger ones give more, so the last stages are shorter in steps


def main(
    out: Annotated[Path, typer.Option(help="Folder of checkpoints, metrics and the finished model.")],
    steps: Annotated[int, typer.Option(help="Optimizer steps.")] = 4300,
    hidden: Annotated[int, typer.Option(help="Width; the one dial of size. Heads have 32 dimensions.")] = 192,
    layers: Annotated[int, typer.Option(help="Depth.")] = 6,
    batch_tokens: Annotated[int, typer.Option(help="Rows times padded length of a batch.")] = 8192,
    seed: Annotated[int, typer.Option(help="Of weights and tasks.")] = 0,
    matrix_lr: Annotated[float, typer.Option(help="Peak learning rate of the matrices (Muon).")] = 3e-3,
    other_lr: Annotated[float, typer.Option(help="Peak learning rate of embeddings and norms (AdamW).")] = 3e-3,
    every: Annotated[int, typer.Option(help="Steps between checkpoints and evaluations.")] = 250,
) -> None:
    """Train, evaluate now and then, save."""
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer = first_tokenizer(out)
    model = LlamaForCausalLM(configure(tokenizer, hidden, layers)).to(device)
    optimizers = make_optimizers(model, matrix_lr, other_lr)
    step, pool = resume(out, model, optimizers)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(tokenizer)} tokens, {device}, step {step}")
    pools = int(steps / (STEPS_PER_POOL * 8192 / batch_tokens))
    corpus = Corpus(tokenizer, seed, batch_tokens, pool, pools)
    started, losses, tokens = time.monotonic(), [], 0
    for ids, weights, pool in DataLoader(corpus, batch_size=None, num_workers=1, prefetch_factor=16):
        losses.append(train_step(model, optimizers, ids.to(device), weights.to(device), schedule(step, steps)))
        step, tokens = step + 1, tokens + ids.numel()
        if step % 25 == 0:
            seconds = time.monotonic() - started
            row = {"step": step, "pool": pool, "loss": sum(losses) / len(losses), "tokens_per_second": tokens / seconds}
            record(out, row)
            losses, tokens, started = [], 0, time.monotonic()
        if step % every == 0 or step == steps:
            save_checkpoint(out, model, optimizers, step, pool)
            record(out, {"step": step, **exact_match(model, tokenizer)})
        if step == steps:
            break
    save_model(out / "model", model, tokenizer)


def first_tokenizer(out: Path) -> PreTrainedTokenizerFast:
    """Return the tokenizer this training began with: names added to `soar.grids` since must not shift its ids."""
    folder = out / "tokenizer"
    if not folder.exists():
        build_tokenizer(HEADER, soar.grids.__all__).save_pretrained(folder)
    return PreTrainedTokenizerFast.from_pretrained(folder)


def configure(tokenizer: PreTrainedTokenizerFast, hidden: int, layers: int) -> LlamaConfig:
    """Return a Llama whose every size follows from the width."""
    return LlamaConfig(
        vocab_size=-(-len(tokenizer) // 64) * 64,
        hidden_size=hidden,
        intermediate_size=hidden * 8 // 3 // 32 * 32,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 32,
        num_key_value_heads=hidden // 32,
        max_position_embeddings=WINDOW,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        tie_word_embeddings=False,
    )


def make_optimizers(model: LlamaForCausalLM, matrix_lr: float, other_lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the blocks' matrices (Jordan 2024), AdamW for the rest; `schedule` scales both."""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "layers" in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "layers" not in name]
    muon = torch.optim.Muon(matrices, lr=matrix_lr, weight_decay=0.05, adjust_lr_fn="match_rms_adamw")
    adamw = torch.optim.AdamW(others, lr=other_lr, betas=(0.9, 0.95), weight_decay=0.0)
    for optimizer in (muon, adamw):
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return [muon, adamw]


def schedule(step: int, steps: int) -> float:
    """Warm-up for 100 steps, then constant, then down to zero over the last 55%."""
    return min((step + 1) / 100, 1.0, (steps - step) / (0.55 * steps))


def train_step(
    model: LlamaForCausalLM,
    optimizers: list[torch.optim.Optimizer],
    ids: torch.Tensor,
    weights: torch.Tensor,
    scale: float,
) -> float:
    """Take one step; return the mean loss on program tokens, in nats."""
    with torch.autocast(ids.device.type, dtype=torch.bfloat16):
        logits = model(input_ids=ids, use_cache=False).logits
    each = F.cross_entropy(logits[:, :-1].flatten(0, 1).float(), ids[:, 1:].flatten(), reduction="none")
    weight = weights[:, 1:].flatten()
    program = weight == 1.0
    ((each * weight).sum() / program.sum()).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * scale
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return each[program].mean().item()


def exact_match(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, tasks: int = 200) -> dict[str, Any]:
    """Greedy programs on generated tasks never trained on: share equal to the right text, in all and by family."""
    decoder = Decoder(model.config.to_dict(), {k: v.detach().cpu() for k, v in model.state_dict().items()})
    rng = random.Random("held out")
    right: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for i in range(tasks):
        generated = generate(rng, max_side=10, max_cells_total=400, refinement=i % 2 == 1)
        text = load_prompt_set("mini").render(*to_task(generated)).text
        ids = [tokenizer.bos_token_id, *tokenizer.encode(text, add_special_tokens=False)]
        drawn = decoder.sample([], ids, 1, seed=0, temperature=0.0, min_p=0.0, max_tokens=96)[0]
        kind = "refinement" if i % 2 else "sampling"
        for name in (kind, generated.family):
            seen[name] += 1
            right[name] += tokenizer.decode(drawn.ids) == generated.body
    shares = {name: round(right[name] / seen[name], 3) for name in sorted(seen)}
    return {"exact_sampling": shares.pop("sampling"), "exact_refinement": shares.pop("refinement"), "families": shares}


def record(out: Path, row: dict[str, Any]) -> None:
    """Append a line of metrics, and print it without the long ones."""
    with (out / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
    print(" ".join(f"{k}={v:.4g}" for k, v in row.items() if isinstance(v, int | float)), flush=True)


def resume(out: Path, model: LlamaForCausalLM, optimizers: list[torch.optim.Optimizer]) -> tuple[int, int]:
    """Load the last checkpoint, if any; return the steps done and the first pool not yet used."""
    path = out / "checkpoint.pt"
    if not path.exists():
        return 0, 0
    saved = torch.load(path, weights_only=True)
    model.load_state_dict(saved["model"])
    for optimizer, state in zip(optimizers, saved["optimizers"], strict=True):
        optimizer.load_state_dict(state)
    return saved["step"], saved["pool"] + 1


def save_checkpoint(
    out: Path, model: LlamaForCausalLM, optimizers: list[torch.optim.Optimizer], step: int, pool: int
) -> None:
    """Write the checkpoint beside the old one, then replace it, so that a kill leaves one of the two."""
    state = {
        "model": model.state_dict(),
        "optimizers": [o.state_dict() for o in optimizers],
        "step": step,
        "pool": pool,
    }
    torch.save(state, out / "checkpoint.new")
    (out / "checkpoint.new").replace(out / "checkpoint.pt")


def save_model(folder: Path, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    """Write weights in bf16, configuration and tokenizer, and the hash of the signatures of `soar.grids` they know."""
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "grids_signature.txt").write_text(grids_signature() + "\n")


if __name__ == "__main__":
    typer.run(main)
