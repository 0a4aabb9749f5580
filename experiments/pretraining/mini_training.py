"""What the pretraining of `mini` is made of: model, optimizers, a step, checkpoints, metrics."""

from __future__ import annotations

import json
import shutil
from enum import StrEnum
from pathlib import Path
from typing import Any

import torch
import typer
from corpus import WINDOW
from signature import grids_signature
from torch.nn import functional as F
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from vocabulary import build_tokenizer

import soar.grids
from soar.prompts.notation import MARKS
from soar.tasks.gym.generator import HEADER


class Size(StrEnum):
    """The one dial of the model's size."""

    tiny = "tiny"
    small = "small"
    medium = "medium"
    large = "large"


class Optimizer(StrEnum):
    """What updates the matrices of the blocks. Muon's iterations are in bf16, whatever else is."""

    muon = "muon"
    adamw = "adamw"


PEAK_RATES = {Optimizer.muon: 3e-3, Optimizer.adamw: 2e-3}

SHAPES = {  # width and layers; heads have 32 dimensions
    Size.tiny: (64, 2),
    Size.small: (192, 6),
    Size.medium: (320, 8),
    Size.large: (448, 10),
}


def remember(out: Path, settings: dict[str, Any]) -> None:
    """Write the settings of a new training; one that goes on must have the same.

    Raises:
        typer.BadParameter: names what differs.
    """
    path = out / "settings.json"
    if not path.exists():
        path.write_text(json.dumps(settings, indent=1) + "\n")
    known = {"corpus": "everything", **json.loads(path.read_text())}  # once the only one, and not named
    different = [f"{name} was {known[name]}, not {value}" for name, value in settings.items() if value != known[name]]
    if different:
        raise typer.BadParameter(f"the training in {out} had other settings: {'; '.join(different)}")


def training_tokenizer(out: Path, start_from: Path | None) -> PreTrainedTokenizerFast:
    """Return the tokenizer this training began with: names added to `soar.grids` since must not shift its ids."""
    folder = out / "tokenizer"
    if not folder.exists():
        tokenizer = (
            PreTrainedTokenizerFast.from_pretrained(start_from)
            if start_from
            else build_tokenizer(HEADER, soar.grids.__all__)
        )
        tokenizer.save_pretrained(folder)
    return PreTrainedTokenizerFast.from_pretrained(folder)


def initial_model(tokenizer: PreTrainedTokenizerFast, size: Size, start_from: Path | None) -> LlamaForCausalLM:
    """Return a Llama with random weights, or with those in a folder and the full window."""
    if start_from:
        return LlamaForCausalLM.from_pretrained(start_from, dtype=torch.float32, max_position_embeddings=WINDOW)
    hidden, layers = SHAPES[size]
    config = LlamaConfig(
        vocab_size=-(-len(tokenizer) // 64) * 64,
        hidden_size=hidden,
        intermediate_size=hidden * 8 // 3 // 32 * 32,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 32,
        num_key_value_heads=hidden // 32,
        max_position_embeddings=WINDOW,  # the slowest of 16 rotations, at base 10,000, turns by 0.7 rad over it
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        tie_word_embeddings=False,
    )
    return LlamaForCausalLM(config)


def make_optimizers(
    model: LlamaForCausalLM, kind: Optimizer, matrix_lr: float, other_lr: float
) -> list[torch.optim.Optimizer]:
    """Muon (Jordan 2024) or AdamW for the blocks' matrices, AdamW for the rest; `schedule` scales both."""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "layers" in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "layers" not in name]
    first: torch.optim.Optimizer
    if kind == Optimizer.muon:
        first = torch.optim.Muon(matrices, lr=matrix_lr, weight_decay=0.05, adjust_lr_fn="match_rms_adamw")
    else:
        first = torch.optim.AdamW(matrices, lr=matrix_lr, betas=(0.9, 0.95), weight_decay=0.05)
    adamw = torch.optim.AdamW(others, lr=other_lr, betas=(0.9, 0.95), weight_decay=0.0)
    for optimizer in (first, adamw):
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return [first, adamw]


def schedule(step: int, steps: int) -> float:
    """Warm-up for 100 steps, then constant, then down to zero over the last 55%."""
    return min((step + 1) / 100, 1.0, (steps - step) / (0.55 * steps))


def train_step(
    model: Any,
    optimizers: list[torch.optim.Optimizer],
    ids: torch.Tensor,
    weights: torch.Tensor,
    scale: float,
    bf16: bool,
) -> torch.Tensor:
    """Take one step, in bf16 or in float32; return the mean loss on program tokens, in nats, without waiting for it."""
    with torch.autocast(ids.device.type, dtype=torch.bfloat16, enabled=bf16):
        logits = model(input_ids=ids, use_cache=False).logits
    each = F.cross_entropy(logits[:, :-1].flatten(0, 1).float(), ids[:, 1:].flatten(), reduction="none")
    weight = weights[:, 1:].flatten()
    program = (weight == 1.0).float()
    ((each * weight).sum() / program.sum()).backward()
    torch.nn.utils.clip_grad_norm_([p for o in optimizers for g in o.param_groups for p in g["params"]], 1.0)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * scale
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return (each.detach() * program).sum() / program.sum()


def load_checkpoint(
    out: Path, model: LlamaForCausalLM, optimizers: list[torch.optim.Optimizer]
) -> tuple[int, list[torch.Tensor]]:
    """Load the last checkpoint, if any; return the steps done and the losses not yet recorded."""
    path = out / "checkpoint.pt"
    if not path.exists():
        return 0, []
    saved = torch.load(path, weights_only=True, map_location=model.device)
    model.load_state_dict(saved["model"])
    for optimizer, state in zip(optimizers, saved["optimizers"], strict=True):
        optimizer.load_state_dict(state)
    return saved["step"], saved["losses"]


def save_checkpoint(
    out: Path,
    model: LlamaForCausalLM,
    optimizers: list[torch.optim.Optimizer],
    step: int,
    losses: list[torch.Tensor],
) -> None:
    """Write the checkpoint beside the old one, then replace it, so that a kill leaves one of the two."""
    state = {
        "model": model.state_dict(),
        "optimizers": [o.state_dict() for o in optimizers],
        "step": step,
        "losses": losses,
    }
    torch.save(state, out / "checkpoint.new")
    (out / "checkpoint.new").replace(out / "checkpoint.pt")


def save_model(folder: Path, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    """Write weights in bf16, configuration and tokenizer, and the hash of the signatures of `soar.grids` they know.

    A reply ends with the end token, and where the model goes on with a mark of its own notation.
    """
    shutil.rmtree(folder, ignore_errors=True)
    copy = LlamaForCausalLM(model.config)
    copy.load_state_dict(model.state_dict())
    copy.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, pad_token_id=tokenizer.pad_token_id,
        eos_token_id=[tokenizer.eos_token_id, *tokenizer.convert_tokens_to_ids(list(MARKS))],
    )  # fmt: skip
    copy.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "grids_signature.txt").write_text(grids_signature() + "\n")


def record(out: Path, row: dict[str, Any]) -> None:
    """Append a line of metrics, and print it without the long ones."""
    with (out / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
    print(" ".join(f"{k}={v:.4g}" for k, v in row.items() if isinstance(v, int | float)), flush=True)


def forget_after(out: Path, step: int) -> None:
    """Drop the metrics of steps after the checkpoint: they will be taken again."""
    path = out / "metrics.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    path.write_text("".join(line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step))
