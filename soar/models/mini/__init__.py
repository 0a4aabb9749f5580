"""`mini`, the embedded model: a small transformer that writes short grid programs, shipped with the package.

See docs/mini.md for what it was trained on, what it can do and what not.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path

from soar.core.hints import install
from soar.core.process import available_cores
from soar.models.adapter import adapter_name
from soar.models.base import Capabilities, Completion, ModelError, Prompt, Reply, Sampling
from soar.models.mini.drawn import Drawn
from soar.models.pool import WorkerPool
from soar.models.spec import MINI, NOVICE
from soar.models.worker import Worker

WEIGHTS = MINI
MAX_WORKERS = 8


class MiniModel:
    """The embedded model on the CPU: one process per core, one thread each.

    Args:
        folder: a model in the Hugging Face format with `mini`'s tokenizer; the shipped one by default.
        workers: processes; by default one per available core, at most 8.
    """

    prompt_set = "mini"

    def __init__(self, folder: str | Path = WEIGHTS, workers: int | None = None) -> None:
        for package in ("torch", "tokenizers"):
            if importlib.util.find_spec(package) is None:
                raise ModelError(f"the embedded model needs {package}: {install('local')}")
        from tokenizers import Tokenizer

        self.name = {WEIGHTS: "mini", NOVICE: "mini:novice"}.get(Path(folder), f"mini:{folder}")
        self.adapter: str | None = None
        self.folder = Path(folder)
        if not (self.folder / "tokenizer.json").exists():
            raise ModelError(
                f"no model in {self.folder}: give a folder that experiments/pretraining/pretrain_mini.py has written"
            )
        config = json.loads((self.folder / "config.json").read_text())
        self.tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        self.bos: int = config["bos_token_id"]
        count = workers or min(available_cores(), MAX_WORKERS)
        self.capabilities = Capabilities(
            n=True, min_p=True, logprobs=True, seed=True, prefill=True, system_role=False, adapters=True,
            context_length=config["max_position_embeddings"], max_concurrency=2 * count,
        )  # fmt: skip
        target = "soar.models.mini.child:Child"
        self.pool = WorkerPool([Worker(target, {"folder": str(self.folder)}) for _ in range(count)])

    async def complete(self, prompt: Prompt, n: int, sampling: Sampling, seed: int) -> Reply:
        """Return `n` completions; they depend on nothing but the arguments (on one machine)."""
        prefix, rest = self._encode(prompt)
        room = (self.capabilities.context_length or 0) - len(prefix) - len(rest)
        if room < 1:
            raise ModelError(f"a prompt of {len(prefix) + len(rest)} tokens leaves no room in mini's window")
        arguments = (seed, sampling.temperature, sampling.min_p, min(sampling.max_tokens, room))
        drawn: list[Drawn] = await self.pool.call(hash(tuple(prefix)), "sample", prefix, rest, n, *arguments)
        texts = self.tokenizer.decode_batch([one.ids for one in drawn], skip_special_tokens=False)
        completions = tuple(_completion(text, one) for text, one in zip(texts, drawn, strict=True))
        return Reply(completions, len(prefix) + len(rest))

    def count_tokens(self, prompts: Sequence[Prompt]) -> list[int]:
        """Return the length of each prompt, the token of its beginning counted."""
        return [sum(map(len, self._encode(prompt))) for prompt in prompts]

    def load_adapter(self, path: str | None) -> None:
        """Answer with the LoRA adapter in folder `path` merged into the weights; None: the base model.

        Raises:
            ModelError: the folder holds none, or one for another tokenizer.
        """
        if path is not None:
            self.pool.workers[0].call("check", path)
        self.pool.load_adapter(path)
        self.adapter = adapter_name(path)

    def close(self) -> None:
        """End the processes. Idempotent."""
        self.pool.close()

    def _encode(self, prompt: Prompt) -> tuple[list[int], list[int]]:
        """Return token ids of the part shared with the task's other prompts, and of the rest."""
        text = prompt.text
        shared = [self.bos, *self._ids(text[: prompt.prefix])]
        return shared, self._ids(text[prompt.prefix :])

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return ids


def _completion(text: str, drawn: Drawn) -> Completion:
    ids = (*drawn.ids, *([] if drawn.end is None else [drawn.end]))
    return Completion(text, len(ids), "stop" if drawn.stopped else "length", drawn.logprob, ids, tuple(drawn.logprobs))
