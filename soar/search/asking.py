"""How the search asks a model: within what it can do, so many requests at once, and nothing dropped in silence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from soar.models.base import Completion, LanguageModel, ModelError, Prompt, Reply, Sampling
from soar.search.config import ConfigError
from soar.search.keys import keyed_seed
from soar.search.places import Places


class Asker:
    """A model with a bound on the requests under way.

    Args:
        model: the model.
        sampling: how tokens are drawn; `max_tokens` comes with each request.
        concurrency: requests at once; None: what the model asks for.

    Raises:
        ConfigError: the model cannot draw tokens like this.
    """

    def __init__(self, model: LanguageModel, sampling: Sampling, concurrency: int | None) -> None:
        if sampling.min_p > 0 and not model.capabilities.min_p:
            raise ConfigError(f"model {model.name} does not know min-p sampling: pass min_p=0")
        self.model = model
        self.sampling = sampling
        self.concurrency = concurrency or model.capabilities.max_concurrency
        self.places = Places(self.concurrency)

    async def ask(
        self, prompt: Prompt, n: int, max_tokens: int, seed: int, chain: int, stopped: Callable[[], bool]
    ) -> Reply | None:
        """Return `n` completions, from several requests where the model gives one at a time.

        None where `stopped` says so before anything is sent: asked once, when the model has a place free. For `chain`
        see `Places`.

        Raises:
            ModelError: the model could not answer, or not with `n` completions.
        """
        sampling = replace(self.sampling, max_tokens=max_tokens)
        begun = False

        async def send(count: int, seed: int) -> Reply | None:
            nonlocal begun
            async with self.places.place(chain):
                if not begun and stopped():
                    return None
                begun = True  # what is sent in several requests is sent whole
                return await self._request(prompt, count, sampling, seed)

        if n == 1 or self.model.capabilities.n:
            return await send(n, seed)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(send(1, keyed_seed(seed, position))) for position in range(n)]
        replies = [reply for task in tasks if (reply := task.result()) is not None]
        if not replies:
            return None
        costs = [reply.cost for reply in replies if reply.cost is not None]
        completions = tuple(reply.completions[0] for reply in replies)
        return Reply(completions, replies[0].prompt_tokens, sum(costs) if costs else None)

    async def _request(self, prompt: Prompt, n: int, sampling: Sampling, seed: int) -> Reply:
        reply = await self.model.complete(prompt, n, sampling, seed)
        if len(reply.completions) != n:
            raise ModelError(
                f"model {self.model.name} gave {len(reply.completions)} completions where {n} were asked for"
            )
        return replace(reply, completions=tuple(_storable(completion) for completion in reply.completions))

    def overlong(self, prompts: Sequence[Prompt], max_tokens: int) -> list[int | None]:
        """Return for each prompt its length in tokens where it does not fit the model's window, else None.

        Where the window or the model's tokens are unknown, everything is taken to fit.
        """
        window = self.model.capabilities.context_length
        lengths = self.model.count_tokens(prompts) if window is not None and prompts else None
        if window is None or lengths is None:
            return [None] * len(prompts)
        return [length if length + max_tokens > window else None for length in lengths]


def _storable(completion: Completion) -> Completion:
    """Lone surrogates, which a broken reply may have and no file can hold, become question marks."""
    return replace(completion, text=completion.text.encode(errors="replace").decode())
