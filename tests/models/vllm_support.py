"""What tests with a real vLLM share: adapters made on the spot, and which processes belong to a server."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from soar.models.mini import WEIGHTS

needs_vllm = pytest.mark.skipif(
    "SOAR_VLLM" not in os.environ, reason="SOAR_VLLM names no environment with vLLM: `make test-vllm` makes one"
)


def random_adapter(folder: Path, seed: int, rank: int = 4, trained: bool = True) -> str:
    """Write a LoRA adapter of the shipped weights with random matrices; not `trained`: B is zero, as at the start."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaForCausalLM

    base = LlamaForCausalLM.from_pretrained(WEIGHTS, dtype=torch.float32)
    torch.manual_seed(seed)
    config = LoraConfig(r=rank, lora_alpha=rank, target_modules="all-linear", init_lora_weights=not trained)
    get_peft_model(base, config).save_pretrained(folder)
    return str(folder)


def descendants(pid: int) -> dict[int, str]:
    """Processes below `pid`, those of their own sessions included: id and command line."""
    parents, commands = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            commands[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError):
            continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return {child: commands[child] for child in found - {pid}}
