"""`hf:NAME_OR_FOLDER` — any causal language model that transformers can load, on a GPU where there is one.

It runs in a process of its own. Each request is one prefill of its prompt, whose cache is then repeated for all rows.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any, Literal

from soar.core.hints import install
from soar.core.process import available_cores, computes_bf16
from soar.models.adapter import adapter_name, check_tokenizer, holds_weights
from soar.models.base import Capabilities, Completion, ModelError, Prompt, Reply, Sampling, prompt_set_of
from soar.models.pool import WorkerPool
from soar.models.tokens import encode_prompt
from soar.models.worker import Worker


class TransformersModel:
    """A model of the Hugging Face hub or of a local folder.

    Args:
        source: name on the hub, or folder.

    Raises:
        ModelError: transformers is missing, or the model cannot be loaded.
    """

    def __init__(self, source: str) -> None:
        for package in ("torch", "transformers"):
            if importlib.util.find_spec(package) is None:
                raise ModelError(f"hf:{source} needs {package}: {install('local')}")
        self.name = f"hf:{source}"
        self.prompt_set = prompt_set_of(source)
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
        return Reply(tuple(rows), prompt_tokens)

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
        half = torch.bfloat16 if computes_bf16() else torch.float16
        dtype = half if device == "cuda" else torch.float32
        self.base = AutoModelForCausalLM.from_pretrained(source, dtype=dtype).to(device).eval()
        self.model = self.base
        self.load(adapter)

    def load(self, adapter: str | None) -> None:
        """Put the adapter in folder `adapter` on the base model, or its whole weights in place of it; None: neither."""
        if hasattr(self.model, "unload"):
            self.base = self.model.unload()
        self.model = self.base
        if adapter is not None:
            from peft import PeftModel
            from transformers import AutoModelForCausalLM

            check_tokenizer(adapter, self.tokenizer)
            if holds_weights(adapter):
                tuned = AutoModelForCausalLM.from_pretrained(adapter, dtype=self.base.dtype)
                self.model = tuned.to(self.base.device).eval()
                return
            self.model = PeftModel.from_pretrained(self.base, adapter).eval()

    def facts(self) -> dict[str, Any]:
        """Return what the parent cannot know without loading the model."""
        template = self.tokenizer.chat_template
        window = getattr(self.base.config, "max_position_embeddings", None)
        return {"context_length": window, "system_role": template is None or "system" in str(template)}

    def count(self, prompts: list[Prompt]) -> list[int]:
        """Return the length of each prompt in tokens."""
        return [len(encode_prompt(self.tokenizer, prompt)) for prompt in prompts]

    def reply_logprobs(self, prompt: list[int], reply: list[int]) -> list[float]:
        """Return the log-probability of each token of a reply, at temperature 1."""
        import torch

        ids = torch.tensor([[*prompt, *reply]], device=self.base.device)
        with torch.inference_mode():
            logits = self.model(input_ids=ids, logits_to_keep=len(reply) + 1).logits[0, :-1].float()
        every: list[float] = logits.log_softmax(-1).gather(1, ids[0, len(prompt) :, None])[:, 0].tolist()
        return every

    def next_logprobs(self, ids: list[int]) -> list[float]:
        """Return the log-probability of each token that may follow `ids`, at temperature 1."""
        import torch

        with torch.inference_mode():
            logits = self.model(input_ids=torch.tensor([ids], device=self.base.device), logits_to_keep=1).logits
        every: list[float] = logits[0, -1].float().log_softmax(-1).tolist()
        return every

    def go_on(self, ids: list[int], n: int, max_tokens: int, seed: int) -> list[list[int]]:
        """Return continuations of `ids`, each with the token that ended it, at temperature 1 without filters."""
        rows = self._draw(ids, n, Sampling(1.0, 0.0, max_tokens), seed)
        return [list(one.token_ids or ()) for one in rows]

    def sample(self, prompt: Prompt, n: int, sampling: Sampling, seed: int) -> tuple[list[Completion], int]:
        """Return the replies, and the prompt's length."""
        ids = encode_prompt(self.tokenizer, prompt)
        return self._draw(ids, n, sampling, seed), len(ids)

    def _draw(self, beginning: list[int], n: int, sampling: Sampling, seed: int) -> list[Completion]:
        import torch
        from transformers import DynamicCache, LogitsProcessorList

        ids = torch.tensor([beginning], device=self.base.device)
        torch.manual_seed(seed & (2**63 - 1))
        cache = DynamicCache(config=self.base.config)
        with torch.inference_mode():
            if ids.shape[1] > 1:
                self.model(input_ids=ids[:, :-1], past_key_values=cache, use_cache=True, logits_to_keep=1)
                cache.batch_repeat_interleave(n)
            recorder = _Recorder()
            drawn = self.model.generate(
                input_ids=ids.repeat(n, 1), attention_mask=torch.ones_like(ids).repeat(n, 1), past_key_values=cache,
                max_new_tokens=sampling.max_tokens, logits_processor=LogitsProcessorList([recorder]),
                pad_token_id=self._pad(), **_drawing(sampling),
            )  # fmt: skip
            recorder.note(drawn)
        logprobs = torch.stack(recorder.logprobs, 1).tolist()
        replies = drawn[:, ids.shape[1] :].tolist()
        return [self._row(reply, row) for reply, row in zip(replies, logprobs, strict=True)]

    def _row(self, ids: list[int], logprobs: list[float]) -> Completion:
        ends = self.model.generation_config.eos_token_id
        stops = set(ends if isinstance(ends, list) else [ends])
        length = next((i + 1 for i, token in enumerate(ids) if token in stops), len(ids))
        stopped = ids[length - 1] in stops
        text = self.tokenizer.decode(ids[: length - stopped], skip_special_tokens=True)
        reason: Literal["stop", "length"] = "stop" if stopped else "length"
        drawn = tuple(logprobs[:length])
        return Completion(text, length, reason, sum(drawn), tuple(ids[:length]), drawn)

    def _pad(self) -> int:
        pad = self.tokenizer.pad_token_id
        return int(pad if pad is not None else self.tokenizer.eos_token_id)


class _Recorder:
    """A logits processor that keeps the log-probability of each drawn token [rows] at temperature 1, step by step.

    It sees the logits before temperature and min-p. All of them together would fill a GPU.
    """

    def __init__(self) -> None:
        self.latest: Any = None
        self.logprobs: list[Any] = []

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        if self.latest is not None:
            self.note(input_ids)
        self.latest = scores.float().log_softmax(-1)
        return scores

    def note(self, ids: Any) -> None:
        """Take note of what was drawn last."""
        self.logprobs.append(self.latest.gather(1, ids[:, -1:])[:, 0])


def _drawing(sampling: Sampling) -> dict[str, Any]:
    """Arguments of `generate` for this sampling, with every other filter off, those of the model's own config too."""
    if sampling.temperature == 0:
        return {"do_sample": False, "temperature": None, "top_p": None, "top_k": None, "repetition_penalty": 1.0}
    return {
        "do_sample": True, "temperature": sampling.temperature, "min_p": sampling.min_p, "top_k": 0, "top_p": 1.0,
        "repetition_penalty": 1.0,
    }  # fmt: skip
