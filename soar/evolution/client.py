"""How the search asks a model: within what it can do, so many requests at once, and nothing dropped in silence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from soar.core.seeding import keyed_seed
from soar.evolution.scheduler import RequestScheduler
from soar.models.base import LanguageModel, Message, Prompt, Reply, Sampling
from soar.models.checks import checked
from soar.models.openai.pacing import GivenUpError, wanted_while
from soar.prompts.prompt_set import PromptSet

GAP = "\n\n"  # between a system message and the user message that takes it in


class ModelClient:
    """A model with a bound on what is under way.

    Args:
        model: the model.
        concurrency: completions at once; None: what the model asks for.
    """

    def __init__(self, model: LanguageModel, concurrency: int | None) -> None:
        self.model = model
        usual = model.capabilities.max_concurrency
        self.completions = concurrency or (usual if model.capabilities.remote else None)
        self.requests = self.completions or usual
        self.scheduler = RequestScheduler(self.requests, self.completions)

    def calls(self, n: int, missing: Sequence[int], seed: int) -> list[tuple[Sequence[int], int]]:
        """Return the calls that bring the missing completions of a request for `n`: their positions, and a seed.

        All come with one call where the model can do that. It is cut for an endpoint that may have fewer under way, and
        never for another model: there it is the whole request that the seed stands for.
        """
        able = self.model.capabilities
        most = n if able.n else 1
        if able.remote and self.completions is not None:
            most = min(most, self.completions)
        if len(missing) == n <= most:
            return [(missing, seed)]
        parts = [missing[start : start + most] for start in range(0, len(missing), most)]
        return [(part, seed if n == 1 else keyed_seed(seed, part[0])) for part in parts]

    async def ask(
        self, prompt: Prompt, n: int, sampling: Sampling, seed: int, chain: int, stopped: Callable[[], bool]
    ) -> Reply | None:
        """Return `n` completions of one call.

        None where `stopped` says so before anything is sent: when the model has a place free, and while an endpoint
        waits to send, for the first time or again. For `chain` see `RequestScheduler`.

        Raises:
            ModelError: the model could not answer, or not with `n` completions.
        """
        async with self.scheduler.place(chain, n):
            if stopped():
                return None
            try:
                with wanted_while(lambda: not stopped()):
                    return await self._request(self._understood(prompt), n, sampling, seed)
            except GivenUpError:
                return None

    async def _request(self, prompt: Prompt, n: int, sampling: Sampling, seed: int) -> Reply:
        reply = await self.model.complete(prompt, n, sampling, seed)
        return checked(reply, n, self.model.name, sampling.details)

    def missing(self, prompt_sets: Iterable[PromptSet], drawings: Iterable[Sampling]) -> dict[str, str]:
        """Return what a search of these draws does without, and what that means: to be said once, before it begins."""
        able, found = self.model.capabilities, dict[str, str]()
        min_p = max((one.min_p for one in drawings if one.temperature > 0), default=0)
        if min_p > 0 and not able.min_p:
            found["no min-p"] = f"{self.model.name} draws tokens without min_p={min_p:g}"
        if not able.seed:
            found["no seed"] = f"{self.model.name} takes no seed: the same call asks the same, and gets other programs"
        if not able.n:
            found["no n"] = f"{self.model.name} gives one completion a request: the prompt is read for each of them"
        if not able.system_role and any("system.j2" in one.templates and not one.settings.raw for one in prompt_sets):
            found["no system role"] = f"{self.model.name} reads the system message as part of the first user message"
        return found

    def _understood(self, prompt: Prompt) -> Prompt:
        """The prompt as the model can read it: without the system role, its text begins the user's first message."""
        first = prompt.messages[0]
        if self.model.capabilities.system_role or prompt.raw or first["role"] != "system" or len(prompt.messages) < 2:
            return prompt
        user = prompt.messages[1]
        joined: Message = {"role": user["role"], "content": f"{first['content']}{GAP}{user['content']}"}
        return replace(
            prompt, messages=(joined, *prompt.messages[2:]), prefix=prompt.prefix and prompt.prefix + len(GAP)
        )

    def overlong(self, prompts: Sequence[Prompt], max_tokens: int) -> list[int | None]:
        """Return for each prompt its length in tokens where it does not fit the model's window, else None.

        Where the window or the model's tokens are unknown, everything is taken to fit.
        """
        window = self.model.capabilities.context_length
        read = [self._understood(prompt) for prompt in prompts]
        lengths = self.model.count_tokens(read) if window is not None and prompts else None
        if window is None or lengths is None:
            return [None] * len(prompts)
        return [length if length + max_tokens > window else None for length in lengths]
