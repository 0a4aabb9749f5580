"""`vllm:NAME_OR_FOLDER` — vLLM: starts `vllm serve` and owns it, or asks one that runs already.

Prompts are sent as token ids, made by the function that `hf:` and training use: no server's own idea of a chat
template or of the text's beginning comes between. docs/models.md tells how to use it on one GPU and on eight.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import secrets
import shutil
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

from soar.core.hints import install
from soar.core.incidents import record_incident
from soar.models.base import Capabilities, ModelError, Prompt, Reply, Sampling, prompt_set_of
from soar.models.openai.addresses import checked_url
from soar.models.openai.clients import tell_who_reads
from soar.models.openai.completions import Answer, read_answer
from soar.models.openai.endpoint import BrokenReplyError, Endpoint
from soar.models.openai.pacing import EndpointLimits
from soar.models.tokens import encode_prompt
from soar.models.vllm.api import Api
from soar.models.vllm.merged import write_merged
from soar.models.vllm.name import MERGE, VllmName, option
from soar.models.vllm.server import Server, is_cpu_build

RESTARTS = 3
RANK = 64  # what a server is started with where no adapter is known yet
CONCURRENCY, CONCURRENCY_ON_CPU = 64, 8  # requests worth having under way, for each replica
TIMEOUT = 3600.0  # seconds for one request: many wait for each other in a full server
PROBE = "def transform(grid):\n    return grid[::-1]\n"
NEUTRAL = {"top_p": 1.0, "top_k": 0, "repetition_penalty": 1.0}  # else the model's own generation_config.json is used


class VllmModel:
    """A model behind vLLM. A server of its own starts when it is first needed, and ends with `close`.

    Args:
        source: folder or hub name, for a server of its own with options of `vllm serve` after it:
            "Qwen/Qwen2.5-Coder-7B-Instruct --data-parallel-size 8"; or NAME@http://host:port, a server that runs, where
            NAME is the folder or hub name that the tokenizer is read from.
        merge: serve copies of the weights that the adapter is merged into, instead of adapters: faster where the rank
            is high, and a restart for each adapter. "--merge" after the name says the same.

    Raises:
        ModelError: a package is missing, there is no `vllm` command, no tokenizer is found, or no server answers.
    """

    def __init__(self, source: str, merge: bool = False) -> None:
        if importlib.util.find_spec("transformers") is None:
            raise ModelError(f"vllm:{source} needs transformers, for the tokenizer: {install('local')}")
        parsed = VllmName.parse(source)
        self.source, self.options, self.name = parsed.source, parsed.options, parsed.name
        self.merge = merge or parsed.merge
        self.adapter: str | None = None
        self.adapter_path: str | None = None
        self.prompt_set = prompt_set_of(self.source)
        self.tokenizer = _tokenizer(self.source)
        self.lock = threading.RLock()
        self.thread = ThreadPoolExecutor(1, "soar-vllm")
        self.closed = False
        self.epoch = self.restarts = 0
        self.merged: Path | None = None  # the copy that is served
        self.server = None if parsed.address else Server()
        key = os.environ.get("VLLM_API_KEY")
        self.api = self.server.api if self.server else Api(checked_url(str(parsed.address)).removesuffix("/v1"), key)
        if self.server is None:
            tell_who_reads(self.api.url, self.api.key)
        self.served = self.base = self.source if self.server else self.api.base_model(self.source)

    @cached_property
    def capabilities(self) -> Capabilities:
        """What it can do; asking starts the server."""
        self._ensure_started()
        card = next(card for card in self.api.cards() if card["id"] == self.base)
        template = self.tokenizer.chat_template
        return Capabilities(
            n=True, min_p=True, logprobs=True, seed=True, prefill=True,
            system_role=template is None or "system" in str(template), adapters=self._loads_adapters(),
            context_length=card["max_model_len"], max_concurrency=self._concurrency(),
        )  # fmt: skip

    @cached_property
    def endpoint(self) -> Endpoint:
        """What completions are asked of."""
        retries = 1 if self.server else 6  # what a server of one's own does not answer, a new one may
        limits = EndpointLimits(concurrency=self._concurrency(), timeout=TIMEOUT, retries=retries)
        return Endpoint(self.api.url + "/v1", self.api.key, limits, key_name="VLLM_API_KEY")

    async def complete(self, prompt: Prompt, n: int, sampling: Sampling, seed: int) -> Reply:
        """Return `n` completions drawn with `seed`; where the server has died, from a new one."""
        ids = encode_prompt(self.tokenizer, prompt)
        room = (self.capabilities.context_length or 0) - len(ids)
        if room < 1:
            raise ModelError(f"a prompt of {len(ids)} tokens leaves no room in the window of {self.name}")
        drawn = n if sampling.temperature > 0 else 1  # vLLM refuses to write the likeliest reply several times
        body = NEUTRAL | {
            "prompt": ids, "n": drawn, "max_tokens": min(sampling.max_tokens, room), "seed": seed & (2**63 - 1),
            "temperature": sampling.temperature, "min_p": sampling.min_p, "logprobs": 0,
            "return_token_ids": sampling.details,
        }  # fmt: skip

        def read(reply: Mapping[str, Any]) -> Answer:
            answer = read_answer(reply, prompt, drawn)
            if len(answer.completions) < drawn:
                raise BrokenReplyError(f"{len(answer.completions)} completions of {drawn}")
            return answer

        while True:
            epoch = self.epoch
            try:
                answer = await self.endpoint.post("completions", body | {"model": self.served}, read)
            except ModelError:
                # Not the loop's own threads, which whoever interrupts a search would have to wait for.
                if not await asyncio.get_running_loop().run_in_executor(self.thread, self._revived, epoch):
                    raise
            else:
                return Reply(answer.completions * (n // drawn), len(ids))

    def count_tokens(self, prompts: Sequence[Prompt]) -> list[int]:
        """Return the length of each prompt, chat template and prefill included."""
        return [len(encode_prompt(self.tokenizer, prompt)) for prompt in prompts]

    def load_adapter(self, path: str | None) -> None:
        """Answer with the LoRA adapter in folder `path`, which the server must be able to read; None: the base model.

        Raises:
            ModelError: it is no adapter, the server cannot load it, or it changes nothing.
        """
        from soar.models.adapter import adapter_name, check_tokenizer

        if path is not None:
            path = str(Path(path).absolute())
            check_tokenizer(path, self.tokenizer)
        rank = 0 if path is None else adapter_rank(path)
        with self.lock:
            running = self.server is None or self.server.process is not None
            if running and self.server is not None and (self.merge or rank > self.server.rank):
                self._start(path)
            elif running:
                before, self.served = self.served, self._loaded(path)
                if before != self.base:
                    self.api.unload(before)
            self.adapter_path, self.adapter = path, adapter_name(path)  # where it is not running, its start loads it

    def close(self) -> None:
        """End the server, where it is this model's own, and unload the adapter where it is not. Idempotent."""
        if self.closed:
            return
        self.closed = True
        if self.server is not None:
            self.server.stop()
        elif self.served != self.base and self.api.healthy():
            self.api.unload(self.served)
        if "endpoint" in self.__dict__:
            self.endpoint.close()
        self.thread.shutdown(wait=False, cancel_futures=True)
        self._drop_merged()

    def _loads_adapters(self) -> bool:
        return self.merge or (self.api.loads_adapters() if self.server is None else self.server.rank > 0)

    def _concurrency(self) -> int:
        if self.server is not None and is_cpu_build(self.server.command):
            return CONCURRENCY_ON_CPU
        return CONCURRENCY * self._replicas()

    def _replicas(self) -> int:
        return int(option(self.options, "--data-parallel-size", "-dp") or 1)

    def _ensure_started(self) -> None:
        with self.lock:
            if self.server is not None and self.server.process is None:
                self._start(self.adapter_path)

    def _start(self, adapter: str | None) -> None:
        """Start the server, or start it again, with the adapter in folder `adapter`."""
        assert self.server is not None
        self._drop_merged()
        if self.merge:
            self.merged = write_merged(self.source, adapter) if adapter else None
            self.server.start(str(self.merged or self.source), self.base, self.options, 0)
        else:
            usual = int(option(self.options, "--max-lora-rank") or RANK)
            rank = max(adapter_rank(adapter) if adapter else usual, self.server.rank)
            self.server.start(self.source, self.base, self.options, rank)
            self.served = self._loaded(adapter)
        self.epoch += 1

    def _loaded(self, adapter: str | None) -> str:
        """Load an adapter, see that it works, and return what it is served as: a name never used before, under which
        no prefix cache of another lies.
        """
        if adapter is None:
            return self.base
        if not self._loads_adapters():
            raise ModelError(
                f"the server at {self.api.url} loads no adapters: it wants VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 in "
                "its environment, and --enable-lora, when it is started; or let soar start one"
            )
        name = f"{Path(adapter).name}-{secrets.token_hex(4)}"
        self.api.load(name, adapter)
        try:
            self._check_effect(adapter, name)
        except ModelError:
            self.api.unload(name)
            raise
        return name

    def _check_effect(self, adapter: str, name: str) -> None:
        """Compare log-probabilities of the base model and of the adapter, on every replica.

        Raises:
            ModelError: they differ by no more than those of the base model from themselves.
        """
        ids = self.tokenizer.encode(PROBE, add_special_tokens=False)
        base, again = (self.api.prompt_logprobs(self.base, ids) for _ in range(2))
        for rank in range(self._replicas()):
            adapted = self.api.prompt_logprobs(name, ids, rank if self._replicas() > 1 else None)
            if _distance(base, adapted) <= _distance(base, again):
                raise ModelError(
                    f"the adapter in {adapter} changes no log-probability: it is untrained (all its B "
                    f"matrices are zero), or vLLM does not apply it to this model; {MERGE} serves a merged copy"
                )

    def _drop_merged(self) -> None:
        if self.merged is not None:
            shutil.rmtree(self.merged, ignore_errors=True)
            self.merged = None

    def _revived(self, epoch: int) -> bool:
        """Start the server again where it has died since `epoch`; return whether asking again makes sense."""
        with self.lock:
            if self.server is None or self.closed:
                return False
            if self.epoch != epoch:
                return True
            if self.api.healthy():
                return False
            if self.restarts == RESTARTS:
                raise self.server.failure(f"died {1 + RESTARTS} times")
            self.restarts += 1
            record_incident("model process restarted", str(self.server.failure("died")))
            self._start(self.adapter_path)
            return True


def adapter_rank(path: str) -> int:
    """Return the highest rank in the adapter in folder `path`.

    Raises:
        ModelError: there is no adapter.
    """
    file = Path(path) / "adapter_config.json"
    if not file.exists():
        if (Path(path) / "model.safetensors").exists():
            raise ModelError(f"{path} holds whole weights, which vLLM loads as a model of its own: vllm:{path}")
        raise ModelError(f"no LoRA adapter in {path}: there is no {file.name}")
    config = json.loads(file.read_text(encoding="utf-8"))
    return max([int(config["r"]), *map(int, (config.get("rank_pattern") or {}).values())])


def _distance(a: Sequence[float], b: Sequence[float]) -> float:
    return max(abs(x - y) for x, y in zip(a, b, strict=True))


def _tokenizer(source: str) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise ModelError(f"vllm: no tokenizer of {source!r}: give a folder or a hub name. {error}") from error
