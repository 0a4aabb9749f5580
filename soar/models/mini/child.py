"""What runs in each of `mini`'s processes."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from soar.models.mini.decoder import Decoder
from soar.training.adapter import check_tokenizer


class Child:
    """Holds the weights and answers requests."""

    def __init__(self, folder: str, adapter: str | None = None) -> None:
        torch.set_num_threads(1)
        self.folder = Path(folder)
        self.config = json.loads((self.folder / "config.json").read_text())
        self.load(adapter)

    def load(self, adapter: str | None) -> None:
        """Read the base weights, and merge the LoRA adapter in folder `adapter` into them."""
        if adapter is None:
            state = load_file(self.folder / "model.safetensors")
        else:
            from peft import PeftModel
            from transformers import AutoTokenizer, LlamaForCausalLM

            check_tokenizer(adapter, AutoTokenizer.from_pretrained(self.folder))
            base = LlamaForCausalLM.from_pretrained(self.folder, dtype=torch.float32)
            state = PeftModel.from_pretrained(base, adapter).merge_and_unload().state_dict()
        self.decoder = Decoder(self.config, state)

    def sample(
        self, prefix: list[int], rest: list[int], n: int, seed: int, temperature: float, min_p: float, max_tokens: int
    ) -> list[tuple[list[int], bool, float]]:
        """Return ids, whether the model ended it, and log-probability of each reply."""
        # manual_seed takes 64 bits
        drawn = self.decoder.sample(prefix, rest, n, seed & (2**63 - 1), temperature, min_p, max_tokens)
        return [(reply.ids, reply.stopped, reply.logprob) for reply in drawn]
