"""Parts that stand in for a model in tests and trials: `ScriptedModel` answers what you tell it to."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence

from soar.models.base import Capabilities, Completion, Prompt, Reply, Sampling

Script = Callable[[Prompt, int, random.Random], str]


class ScriptedModel:
    """A model whose replies are written by a function or taken from a list.

    Args:
        replies: called with the prompt, the completion's place in its request and a generator seeded by (seed, place);
            or a sequence of replies: completion i of every request is number i of them, then from the start again.
        latency: seconds that a request takes; or a function that draws them from a generator of its own.
        name: of the model.
        prompt_set: the set it is asked with.
        n, min_p, context_length, max_concurrency: its capabilities; a token is four characters.
        token_price: US dollars for each token read or written; None: it does not say what its replies cost.

    Attributes:
        requests: (prompt, n, seed) of every request, in the order of their arrival.
        most_in_flight: most requests that were under way at once.
    """

    def __init__(
        self,
        replies: Script | Sequence[str],
        latency: float | Callable[[random.Random], float] = 0.0,
        *,
        name: str = "scripted",
        prompt_set: str = "soar",
        n: bool = True,
        min_p: bool = True,
        context_length: int | None = None,
        max_concurrency: int = 8,
        token_price: float | None = None,
    ) -> None:
        self.name, self.prompt_set = name, prompt_set
        self.adapter: str | None = None
        self.capabilities = Capabilities(
            n=n,
            min_p=min_p,
            logprobs=False,
            seed=True,
            prefill=True,
            system_role=True,
            adapters=True,
            context_length=context_length,
            max_concurrency=max_concurrency,
            priced=token_price is not None,
        )
        self._token_price = token_price
        self.requests: list[tuple[Prompt, int, int]] = []
        self.most_in_flight = 0
        self._in_flight = 0
        self._replies, self._latency = replies, latency

    async def complete(self, prompt: Prompt, n: int, sampling: Sampling, seed: int) -> Reply:
        """Return `n` scripted completions; the same seed gives the same."""
        self.requests.append((prompt, n, seed))
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        latency = self._latency(random.Random(f"{seed}/latency")) if callable(self._latency) else self._latency
        try:
            await asyncio.sleep(latency)
        finally:
            self._in_flight -= 1
        texts = [self._reply(prompt, place, seed) for place in range(n)]
        completions = tuple(Completion(text, _tokens(text), "stop") for text in texts)
        read, price = _tokens(prompt.text), self._token_price
        cost = None if price is None else price * (read + sum(completion.tokens for completion in completions))
        return Reply(completions, read, cost)

    def _reply(self, prompt: Prompt, place: int, seed: int) -> str:
        if callable(self._replies):
            return self._replies(prompt, place, random.Random(f"{seed}/{place}"))
        return self._replies[place % len(self._replies)]

    def count_tokens(self, prompts: Sequence[Prompt]) -> list[int]:
        """A token is four characters."""
        return [_tokens(prompt.text) for prompt in prompts]

    def load_adapter(self, path: str | None) -> None:
        """Record the adapter's path as its name."""
        self.adapter = path

    def close(self) -> None:
        """Nothing to end."""


def _tokens(text: str) -> int:
    return -(-len(text) // 4)
