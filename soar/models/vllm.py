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
import shlex
import shutil
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from soar.events import report
from soar.models.base import Capabilities, ModelError, Prompt, Reply, Sampling
from soar.models.completions import Answer, read_answer
from soar.models.endpoint import Endpoint, checked_url
from soar.models.pacing import EndpointLimits
from soar.models.tokens import encode_prompt
from soar.models.vllm_api import Api
from soar.models.vllm_server import Server, is_cpu_build, option

RESTARTS = 3
RANK = 64  # what a server is started with where no adapter is known yet
CONCURRENCY, CONCURRENCY_ON_CPU = 64, 8  # requests worth having under way, for each replica
TIMEOUT = 3600.0  # seconds for one request: many wait for each other in a full server
PROBE = "def transform(grid):\n    return grid[::-1]\n"
NEUTRAL = {"top_p": 1.0, "top_k": 0, "repetition_penalty": 1.0}  # else the model's own generation_config.json is used
MERGE = "--merge"
# Options that change where and how fast a model runs: not what it is, so not its name in an archive.
PLACEMENT = (
    "--tensor-parallel-size", "-tp", "--data-parallel-size", "-dp", "--pipeline-parallel-size", "-pp",
    "--gpu-memory-utilization", "--kv-cache-memory-bytes", "--max-num-seqs", "--max-num-batched-tokens",
    "--max-lora-rank", "--max-loras", "--max-cpu-loras", "--enforce-eager", MERGE,
)  # fmt: skip


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
            raise ModelError(f"vllm:{source} needs transformers, for the tokenizer: pip install 'soar-search[local]'")
        words, at, address = source.partition("@http")
        self.source, *options = [words] if Path(words).is_dir() else shlex.split(words)
        self.merge = merge or MERGE in options
        self.options = [word for word in options if word != MERGE]
        self.name = shlex.join(["vllm:" + self.source, *_lasting(options)])
        self.adapter: str | None = None
        self.adapter_path: str | None = None
        self.prompt_set = prompt_set_of(self.source)
        self.tokenizer = _tokenizer(self.source)
        self.lock = threading.RLock()
        self.closed = False
        self.epoch = self.restarts = 0
        self.merged: Path | None = None  # the copy that is served
        self.server: Server | None = None
        if at and options:
            raise ModelError(f"vllm:{source}: options are for servers that soar starts; this one runs already")
        self.server = None if at else Server()
        self.api = self.server.api if self.server else Api(checked_url(at[1:] + address).removesuffix("/v1"), os.environ.get("VLLM_API_KEY"))
        self.served = self.base = self.source if self.server else self.api.base_model(self.source)

    @cached_property
    def capabilities(self) -> Capabilities:
        """What it can do; asking starts the server."""
        self._ensure_started()
        card = next(card for card in self.api.cards() if card["id"] == self.base)
        template = self.tokenizer.chat_template
        return Capabilities(
            n=True, min_p=True, logprobs=True, seed=True, prefill=True,
            system_role=template is None or "system" in str(template), adapters=self.merge or self.api.loads_adapters(),
            context_length=card["max_model_len"], max_concurrency=self._concurrency(),
        )  # fmt: skip

    @cached_property
    def endpoint(self) -> Endpoint:
        """What completions are asked of."""
        retries = 1 if self.server else 6  # what a server of one's own does not answer, a new one may
        limits = EndpointLimits(concurrency=self._concurrency(), timeout=TIMEOUT, retries=retries)
        return Endpoint(self.api.url + "/v1", self.api.key, limits)

    async def complete(self, prompt: Prompt, n: int, sampling: Sampling, seed: int) -> Reply:
        """Return `n` completions drawn with `seed`; where the server has died, from a new one."""
        ids = encode_prompt(self.tokenizer, prompt)
        room = (self.capabilities.context_length or 0) - len(ids)
        if room < 1:
            raise ModelError(f"a prompt of {len(ids)} tokens leaves no room in the window of {self.name}")
        body = NEUTRAL | {
            "prompt": ids, "n": n, "max_tokens": min(sampling.max_tokens, room), "temperature": sampling.temperature,
            "min_p": sampling.min_p, "seed": seed & (2**63 - 1), "logprobs": 0,
        }  # fmt: skip

        def read(reply: Mapping[str, Any]) -> Answer:
            return read_answer(reply, prompt, n)

        while True:
            epoch = self.epoch
            try:
                answer = await self.endpoint.post("completions", body | {"model": self.served}, read)
            except ModelError:
                if not await asyncio.to_thread(self._revived, epoch):
                    raise
            else:
                return Reply(answer.completions, len(ids), cost=None)

    def count_tokens(self, prompts: Sequence[Prompt]) -> list[int]:
        """Return the length of each prompt, chat template and prefill included."""
        return [len(encode_prompt(self.tokenizer, prompt)) for prompt in prompts]

    def load_adapter(self, path: str | None) -> None:
        """Answer with the LoRA adapter in folder `path`, which the server must be able to read; None: the base model.

        Raises:
            ModelError: it is no adapter, the server cannot load it, or it changes nothing.
        """
        from soar.training.adapter import adapter_name, check_tokenizer

        if path is not None:
            path = str(Path(path).absolute())
            _rank(path)
            check_tokenizer(path, self.tokenizer)
        with self.lock:
            before = self.served
            self.adapter_path, self.adapter = path, adapter_name(path)
            if self.server is not None and self.server.process is None:
                return  # the start loads it
            if self.server is not None and (self.merge or (path and _rank(path) > self.server.rank)):
                self._start()
                return
            self._serve_adapter()
            if before != self.base:
                self.api.unload(before)

    def close(self) -> None:
        """End the server, where it is this model's own, and take back what was loaded into one that is not. Idempotent."""
        if self.closed:
            return
        self.closed = True
        if self.server is not None:
            self.server.stop()
        elif self.served != self.base:
            self.api.unload(self.served)
        if "endpoint" in self.__dict__:
            self.endpoint.close()
        self._drop_merged()

    def _concurrency(self) -> int:
        if self.server is not None and is_cpu_build(self.server.command):
            return CONCURRENCY_ON_CPU
        return CONCURRENCY * self._replicas()

    def _replicas(self) -> int:
        return int(option(self.options, "--data-parallel-size", "-dp") or 1)

    def _ensure_started(self) -> None:
        with self.lock:
            if self.server is not None and self.server.process is None:
                self._start()
            elif self.served == self.base and self.adapter_path is not None:
                self._serve_adapter()

    def _start(self) -> None:
        """Start the server, or start it again, with what should be served by now."""
        assert self.server is not None
        path, source, rank = self.adapter_path, self.source, 0
        self.served = self.base
        self._drop_merged()
        if self.merge and path is not None:
            source = str(self._merge(path))
        if not self.merge and "--no-enable-lora" not in self.options:
            rank = max(_rank(path) if path else RANK, self.server.rank)
        self.server.start(source, self.base, self.options, rank)
        self.epoch += 1
        if not self.merge:
            self._serve_adapter()

    def _serve_adapter(self) -> None:
        """Load the adapter under a new name (an old one's prefix cache would be used again), and see that it works."""
        self.served = self.base
        if self.adapter_path is None:
            return
        name = f"{Path(self.adapter_path).name}-{secrets.token_hex(4)}"
        self.api.load(name, self.adapter_path)
        self._check_effect(name)
        self.served = name

    def _check_effect(self, name: str) -> None:
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
                    f"the adapter in {self.adapter_path} changes no log-probability: it is untrained (all its B "
                    f"matrices are zero), or vLLM does not apply it to this model. Try {MERGE}, which serves a merged copy"
                )

    def _merge(self, path: str) -> Path:
        """Write a merged copy beside the adapter, where there is room for large things; return its folder."""
        from soar.cores import available_cores
        from soar.models.worker import Worker

        self.merged = Path(tempfile.mkdtemp(prefix=".merged-", dir=Path(path).parent))
        worker = Worker("soar.models.merged:Merger", {}, available_cores())
        try:
            worker.call("merge", self.source, path, str(self.merged))
        except ModelError:
            self._drop_merged()
            raise
        finally:
            worker.close()
        return self.merged

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
            report("model process restarted", str(self.server.failure("died")))
            self._start()
            return True


def prompt_set_of(source: str) -> str:
    """Return the prompt set that weights were made for: `mini` where pretraining wrote so beside them."""
    return "mini" if (Path(source) / "grids_signature.txt").exists() else "soar"


def _lasting(options: Sequence[str]) -> list[str]:
    """The options that say which model this is, with their values."""
    kept: list[str] = []
    keep = True
    for word in options:
        if word.startswith("-"):
            keep = word.partition("=")[0] not in PLACEMENT
        kept += [word] if keep else []
    return kept


def _rank(path: str) -> int:
    """Return the highest rank in the adapter in folder `path`.

    Raises:
        ModelError: there is no adapter.
    """
    file = Path(path) / "adapter_config.json"
    if not file.exists():
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
