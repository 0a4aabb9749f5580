"""What is asked of a vLLM server beside completions: which models it serves, adapters, a prompt's log-probabilities."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from soar.models.base import ModelError


class Api:
    """What is asked of a vLLM server beside completions; waits for each answer.

    Args:
        url: base URL without /v1.
        key: bearer token, or None.
    """

    def __init__(self, url: str, key: str | None) -> None:
        self.url, self.key = url, key
        local = urllib.parse.urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
        handlers = [urllib.request.ProxyHandler({})] if local else []
        self.opener = urllib.request.build_opener(*handlers)

    def ask(
        self, path: str, body: Mapping[str, Any] | None = None, timeout: float = 600, rank: int | None = None
    ) -> str:
        """Return the text of the answer: POST where there is a body. `rank`: the data-parallel replica to ask.

        Raises:
            ModelError: no answer, or an error; says what the server said.
        """
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        if rank is not None:
            headers["X-data-parallel-rank"] = str(rank)
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers)
        try:
            with self.opener.open(request, timeout=timeout) as response:
                answer: str = response.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            said = " ".join(error.read().decode(errors="replace").split())[:500]
            raise ModelError(f"{self.url}{path} answered with status {error.code}: {said}") from None
        except (OSError, ValueError) as error:
            raise ModelError(f"{self.url}{path} gave no answer: {error}") from None
        return answer

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
        choice = json.loads(self.ask("/v1/completions", body, rank=rank))["choices"][0]
        given = choice["prompt_logprobs"][1:]
        return [found[str(id)]["logprob"] for id, found in zip(ids[1:], given, strict=True)]

    def cards(self) -> list[dict[str, Any]]:
        """Return what the server says of each model it serves, adapters included."""
        cards: list[dict[str, Any]] = json.loads(self.ask("/v1/models", timeout=30))["data"]
        return cards

    def base_model(self, source: str) -> str:
        """Return what the server calls the base model: as we do, or by its folder's name, or it is the only one.

        Raises:
            ModelError: no answer, no vLLM, or another model.
        """
        bases = [card for card in self.cards() if not card.get("parent")]
        if any(card.get("owned_by") != "vllm" for card in bases):
            raise ModelError(f"the server at {self.url} is not vLLM: ask it as openai:MODEL@{self.url}/v1")
        served = [str(card["id"]) for card in bases]
        if source in served or len(served) == 1:
            return source if source in served else served[0]
        raise ModelError(f"the server at {self.url} serves {', '.join(served)}, not {source}")

    def loads_adapters(self) -> bool:
        """Tell whether the server was started with VLLM_ALLOW_RUNTIME_LORA_UPDATING=1."""
        return "/v1/load_lora_adapter" in json.loads(self.ask("/openapi.json", timeout=60))["paths"]

    def load(self, name: str, path: str) -> None:
        """Load the adapter in folder `path` as `name`, on all replicas."""
        self.ask("/v1/load_lora_adapter", {"lora_name": name, "lora_path": path})

    def unload(self, name: str) -> None:
        """Take an adapter off again."""
        self.ask("/v1/unload_lora_adapter", {"lora_name": name})
