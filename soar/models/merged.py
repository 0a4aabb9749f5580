"""An adapter merged into its base model's weights, written to a folder; runs in a process of its own."""

from __future__ import annotations

from pathlib import Path


class Merger:
    """Merges; to be made in a `Worker`, whose process holds the weights."""

    def merge(self, source: str, adapter: str, folder: str) -> None:
        """Write the merged model and its tokenizer to `folder`, in the base model's precision.

        The sum is made in float32 and rounded once.

        Raises:
            ValueError: the base weights are quantized: what is added to them would be rounded away.
        """
        import torch
        from peft import PeftModel
        from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

        config = AutoConfig.from_pretrained(source)
        if config.to_dict().get("quantization_config"):
            raise ValueError(f"{source} is quantized: an adapter is not merged into such weights; serve it unmerged")
        base = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
        merged = PeftModel.from_pretrained(base, adapter).merge_and_unload()
        merged.to(config.dtype or torch.float32).save_pretrained(Path(folder))
        AutoTokenizer.from_pretrained(source).save_pretrained(folder)
