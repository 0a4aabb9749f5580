"""What is asked of a vLLM server beside completions: which models it serves, adapters, a prompt's log-probabilities."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx2

from soar.models.base import ModelError
from soar.models.openai.clients import checked_key, make_client, proxy_for, without_key
from soar.models.openai.complaints import shown


class Api:
    """What is asked of a vLLM server beside completions; waits for each answer.

    Args:
        url: base URL without /v1.
        key: bearer token, or None.
    """

    def __init__(self, url: str, key: str | None) -> None:
        self.url, self.key = url, checked_key(key)

    def ask(
        self, path: str, body: Mapping[str, Any] | None = None, timeout: float = 600, rank: int | None = None
    ) -> str:
        """Return the text of the answer: POST where there is a body. `rank`: the data-parallel replica to ask.

        Raises:
            ModelError: no answer, or an error; says what the server said.
        """
        headers = {} if rank is None else {"X-data-parallel-rank": str(rank)}
        way = f" through {proxy}" if (proxy := proxy_for(self.url)) else ""
        try:
            with make_client(httpx2.Client, self.url, self.key, timeout) as client:
                method = "GET" if body is None else "POST"
                response = client.request(method, self.url + path, json=body, headers=headers)
        except httpx2.RequestError as error:
            raise ModelError(f"{self.url}{path} gave no answer: {type(error).__name__} {error}{way}") from None
        text = without_key(response.text, self.key)
        if response.status_code >= 300:
            raise ModelError(f"{self.url}{path} answered with status {response.status_code}: {shown(text)}")
        return text

    def _read(self, path: str, field: str, body: Mapping[str, Any] | None = None, rank: int | None = None) -> Any:
        """Return what an answer holds in `field`.

        Raises:
            ModelError: no answer, or another one than vLLM gives.
        """
        text = self.ask(path, body, timeout=600 if body else 60, rank=rank)
        try:
            return json.loads(text)[field]
        except (ValueError, KeyError, TypeError):
            raise ModelError(f"{self.url}{path} answers, but not as vLLM does: {shown(text)}") from None

    def healthy(self) -> bool:
        """Tell whether the server is ready and takes our key."""
        try:
            self.ask("/health", timeout=30)
            self.ask("/v1/models", timeout=30)
        except ModelError:
            return False
        return True

    def prompt_logprobs(self, model: str, ids: Sequence[int], rank: int | None = None) -> list[float]:
        """Return the log-probability of each token but the first, computed anew by the served `model`."""
        body = {"model": model, "prompt": list(ids), "max_tokens": 1, "temperature": 0, "prompt_logprobs": 0}
        choice = self._read("/v1/completions", "choices", body, rank)[0]
        given = choice["prompt_logprobs"][1:]
        return [found[str(id)]["logprob"] for id, found in zip(ids[1:], given, strict=True)]

    def cards(self) -> list[dict[str, Any]]:
        """Return what the server says of each model it serves, adapters included."""
        cards: list[dict[str, Any]] = self._read("/v1/models", "data")
        return cards

    def base_model(self, source: str) -> str:
        """Return what the server calls the base model: as we do, or by its folder's name, or it is the only one.

        Raises:
            ModelError: no answer, no vLLM, or another model.
        """
        bases = [card for card in self.cards() if not card.get("parent")]
        if not bases:
            raise ModelError(f"the server at {self.url} serves no model")
        if any(card.get("owned_by") != "vllm" for card in bases):
            raise ModelError(f"the server at {self.url} is not vLLM: ask it as openai:MODEL@{self.url}/v1")
        served = [str(card["id"]) for card in bases]
        if source in served or len(served) == 1:
            return source if source in served else served[0]
        raise ModelError(f"the server at {self.url} serves {', '.join(served)}, not {source}")

    def loads_adapters(self) -> bool:
        """Tell whether the server was started with VLLM_ALLOW_RUNTIME_LORA_UPDATING=1."""
        return "/v1/load_lora_adapter" in self._read("/openapi.json", "paths")

    def load(self, name: str, path: str) -> None:
        """Load the adapter in folder `path` as `name`, on all replicas."""
        self.ask("/v1/load_lora_adapter", {"lora_name": name, "lora_path": path})

    def unload(self, name: str) -> None:
        """Take an adapter off again."""
        self.ask("/v1/unload_lora_adapter", {"lora_name": name})
