"""What runs in each of `mini`'s processes."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from soar.models.adapter import MATRICES, WEIGHTS, check_tokenizer, holds_weights
from soar.models.base import ModelError
from soar.models.mini.decoder import Decoder
from soar.models.mini.drawn import Drawn


def merge(state: dict[str, torch.Tensor], adapter: Path) -> None:
    """Add a LoRA adapter in PEFT's format to the weights that it changes: W + scale * B A, in float32; whole weights
    take the place of all.

    As PEFT does (a test compares), without the four seconds that each process would take to import it.

    Raises:
        ModelError: the adapter is more than LoRA matrices with one rank and scale.
    """
    if holds_weights(adapter):
        state.update(load_file(adapter / WEIGHTS))
        return
    config = json.loads((adapter / "adapter_config.json").read_text())
    weights = load_file(adapter / MATRICES)
    first = {name for name in weights if name.endswith(".lora_A.weight")}
    second = {name.replace(".lora_A.", ".lora_B.") for name in first}
    beyond = [name for name in ("use_dora", "rank_pattern", "alpha_pattern") if config.get(name)]
    if beyond or weights.keys() != first | second:
        raise ModelError(f"mini takes plain LoRA adapters; {adapter} has {', '.join(beyond) or 'other weights'}")
    scale = config["lora_alpha"] / (config["r"] ** 0.5 if config.get("use_rslora") else config["r"])
    for name in first:
        target = name.removeprefix("base_model.model.").replace(".lora_A", "")
        a, b = weights[name].float(), weights[name.replace(".lora_A.", ".lora_B.")].float()
        state[target] = state[target].float() + scale * (b @ a)


class Child:
    """Holds the weights and answers requests."""

    def __init__(self, folder: str, adapter: str | None = None) -> None:
        torch.set_num_threads(1)
        self.folder = Path(folder)
        self.config = json.loads((self.folder / "config.json").read_text())
        ends = json.loads((self.folder / "generation_config.json").read_text())["eos_token_id"]
        self.ends: list[int] = ends if isinstance(ends, list) else [ends]
        self.load(adapter)

    def load(self, adapter: str | None) -> None:
        """Read the base weights, and merge the LoRA adapter in folder `adapter` into them."""
        state = load_file(self.folder / "model.safetensors")
        if adapter is not None:
            merge(state, Path(adapter))
        self.decoder = Decoder(self.config, state, self.ends)

    def check(self, adapter: str) -> None:
        """Raise AdapterError where the adapter in folder `adapter` was trained with another tokenizer."""
        from transformers import AutoTokenizer

        check_tokenizer(adapter, AutoTokenizer.from_pretrained(self.folder))

    def reply_logprobs(self, prompt: list[int], reply: list[int]) -> list[float]:
        """Return the log-probability of each token of a reply, at temperature 1."""
        every: list[float] = self.decoder.logprobs([*prompt, *reply])[len(prompt) - 1 :].tolist()
        return every

    def next_logprobs(self, ids: list[int]) -> list[float]:
        """Return the log-probability of each token that may follow `ids`, at temperature 1."""
        every: list[float] = self.decoder.next_logprobs(ids).tolist()
        return every

    def go_on(self, ids: list[int], n: int, max_tokens: int, seed: int) -> list[list[int]]:
        """Return continuations of `ids`, each with the token that ended it, at temperature 1 without filters."""
        drawn = self.decoder.sample(ids[:-1], ids[-1:], n, seed, 1.0, 0.0, max_tokens)
        return [[*one.ids, *([] if one.end is None else [one.end])] for one in drawn]

    def sample(
        self, prefix: list[int], rest: list[int], n: int, seed: int, temperature: float, min_p: float, max_tokens: int
    ) -> list[Drawn]:
        """Return the replies."""
        # manual_seed takes 64 bits
        drawn = self.decoder.sample(prefix, rest, n, seed & (2**63 - 1), temperature, min_p, max_tokens)
        return drawn
