"""A copy of a model's weights with an adapter merged into them, written by a process of its own."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from soar.core.process import available_cores
from soar.models.base import ModelError
from soar.models.worker import Worker


def write_merged(source: str, adapter: str) -> Path:
    """Write a merged copy beside the adapter, where there is room for large things; return its folder.

    Args:
        source: folder or hub name of the base weights.
        adapter: folder of the LoRA adapter.

    Raises:
        ModelError: the base weights are quantized, or something cannot be loaded; nothing is left then.
    """
    folder = Path(tempfile.mkdtemp(prefix=".merged-", dir=Path(adapter).parent))
    worker = Worker("soar.models.vllm.merged:Merger", {}, available_cores())
    try:
        worker.call("merge", source, adapter, str(folder))
    except ModelError:
        shutil.rmtree(folder)
        raise
    finally:
        worker.close()
    return folder


class Merger:
    """What runs in the process."""

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
        merged.to(config.dtype or torch.float32).save_pretrained(folder)
        AutoTokenizer.from_pretrained(source).save_pretrained(folder)
