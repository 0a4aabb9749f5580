"""`hf:NAME_OR_FOLDER` — any causal language model that transformers can load, on a GPU where there is one.

It runs in a process of its own. Each request is one prefill of its prompt, whose cache is then repeated for all rows.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

from soar.cores import available_cores
from soar.models.base import Capabilities, Completion, ModelError, Prompt, Reply, Sampling
from soar.models.pool import WorkerPool
from soar.models.tokens import encode_prompt
from soar.models.worker import Worker
from soar.training.adapter import adapter_name, check_tokenizer


class TransformersModel:
    """A model of the Hugging Face hub or of a local folder.

    Args:
        source: name on the hub, or folder.

    Raises:
        ModelError: transformers is missing, or the model cannot be loaded.
    """

    prompt_set = "soar"

    def __init__(self, source: str) -> None:
        for package in ("torch", "transformers"):
            if importlib.util.find_spec(package) is None:
                raise ModelError(f"hf:{source} needs {package}: pip install 'soar-search[local]'")
        self.name = f"hf:{source}"
        self.adapter: str | None = None
        threads = available_cores()
        self.pool = WorkerPool([Worker("soar.models.transformers:Child", {"source": source}, threads)])
        facts = self._facts(source)
        self.capabilities = Capabilities(
            n=True, min_p=True, logprobs=True, seed=True, prefill=True, system_role=facts["system_role"], adapters=True,
            context_length=facts["context_length"], max_concurrency=2,
        )  # fmt: skip

    def _facts(self, source: str) -> dict[str, Any]:
        try:
            facts: dict[str, Any] = self.pool.workers[0].call("facts")
        except ModelError as error:
            self.close()
            raise ModelError(f"transformers cannot load {source!r}: {error}") from error
        return facts

    async def complete(self, prompt: Prompt, n: int, sampling: Sampling, seed: int) -> Reply:
        """Return `n` completions drawn with `seed`."""
        rows, prompt_tokens = await self.pool.call(0, "sample", prompt, n, sampling, seed)
        return Reply(tuple(Completion(*row) for row in rows), prompt_tokens)

    def count_tokens(self, prompts: Sequence[Prompt]) -> list[int]:
        """Return the length of each prompt, chat template and prefill included."""
        counts: list[int] = self.pool.workers[0].call("count", list(prompts))
        return counts

    def load_adapter(self, path: str | None) -> None:
        """Answer with the LoRA adapter in folder `path`; None: the base model.

        Raises:
            ModelError: the folder holds none, or one for another tokenizer.
        """
        self.pool.load_adapter(path)
        self.adapter = adapter_name(path)

    def close(self) -> None:
        """End the process. Idempotent."""
        self.pool.close()


class Child:
    """What runs in the model's process."""

    def __init__(self, source: str, adapter: str | None = None) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.source = source
        self.tokenizer = AutoTokenizer.from_pretrained(source)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = torch.bfloat16 if device == "cuda" else torch.float32
        self.base = AutoModelForCausalLM.from_pretrained(source, dtype=dtype).to(device).eval()
        self.model = self.base
        self.load(adapter)

    def load(self, adapter: str | None) -> None:
        """Put the adapter in folder `adapter` on the base model; take the previous one off."""
        if self.model is not self.base:
            self.base = self.model.unload()
            self.model = self.base
        if adapter is not None:
            from peft import PeftModel

            check_tokenizer(adapter, self.tokenizer)
            self.model = PeftModel.from_pretrained(self.base, adapter).eval()

    def facts(self) -> dict[str, Any]:
        """Return what the parent cannot know without loading the model."""
        template = self.tokenizer.chat_template
        window = getattr(self.base.config, "max_position_embeddings", None)
        return {"context_length": window, "system_role": template is None or "system" in str(template)}

    def count(self, prompts: list[Prompt]) -> list[int]:
        """Return the length of each prompt in tokens."""
        return [len(encode_prompt(self.tokenizer, prompt)) for prompt in prompts]

    def sample(
        self, prompt: Prompt, n: int, sampling: Sampling, seed: int
    ) -> tuple[list[tuple[str, int, str, float]], int]:
        """Return (text, tokens, finish reason, log-probability) of each reply, and the prompt's length."""
        import torch
        from transformers import DynamicCache

        ids = torch.tensor([encode_prompt(self.tokenizer, prompt)], device=self.base.device)
        torch.manual_seed(seed & (2**63 - 1))
        cache = DynamicCache(config=self.base.config)
        with torch.inference_mode():
            if ids.shape[1] > 1:
                self.model(input_ids=ids[:, :-1], past_key_values=cache, use_cache=True, logits_to_keep=1)
                cache.batch_repeat_interleave(n)
            drawn = self.model.generate(
                input_ids=ids.repeat(n, 1), attention_mask=torch.ones_like(ids).repeat(n, 1), past_key_values=cache,
                max_new_tokens=sampling.max_tokens, return_dict_in_generate=True, output_logits=True,
                pad_token_id=self._pad(), **_drawing(sampling),
            )  # fmt: skip
        return [self._row(drawn, i, ids.shape[1]) for i in range(n)], ids.shape[1]

    def _row(self, drawn: Any, row: int, start: int) -> tuple[str, int, str, float]:
        ids = drawn.sequences[row, start:].tolist()
        ends = self.model.generation_config.eos_token_id
        stops = set(ends if isinstance(ends, list) else [ends])
        length = next((i + 1 for i, token in enumerate(ids) if token in stops), len(ids))
        logprob = sum(float(drawn.logits[i][row].float().log_softmax(-1)[ids[i]]) for i in range(length))
        stopped = ids[length - 1] in stops
        text = self.tokenizer.decode(ids[: length - stopped], skip_special_tokens=True)
        return text, length, "stop" if stopped else "length", logprob

    def _pad(self) -> int:
        pad = self.tokenizer.pad_token_id
        return int(pad if pad is not None else self.tokenizer.eos_token_id)


def _drawing(sampling: Sampling) -> dict[str, Any]:
    """Arguments of `generate` for this sampling, with every other filter off."""
    if sampling.temperature == 0:
        return {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
    return {"do_sample": True, "temperature": sampling.temperature, "min_p": sampling.min_p, "top_k": 0, "top_p": 1.0}
