"""What every language model of `soar` can be asked: completions for one prompt, and what it is able to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypedDict, runtime_checkable

from soar.core.errors import SoarError

if TYPE_CHECKING:
    from soar.models.openai.prices import Prices


class Message(TypedDict):
    """One chat message, as chat templates and OpenAI-compatible endpoints take it."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is shown.

    Attributes:
        messages: the chat; a model without a chat template gets the contents joined without separators.
        prefill: text with which the reply is made to begin; it is not part of `Completion.text`.
        prefix: number of leading characters of the joined contents that this prompt shares with every other
            prompt of the same task (the sampling prompt, which each refinement prompt begins with); a hint that
            lets a model compute that part once. 0 means no hint.
        raw: the joined contents are read as they stand, without a chat template.
    """

    messages: tuple[Message, ...]
    prefill: str = ""
    prefix: int = 0
    raw: bool = False

    @property
    def text(self) -> str:
        """The contents of all messages and the prefill, joined: what a raw text model reads."""
        return "".join(message["content"] for message in self.messages) + self.prefill


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn. Defaults: SOAR, appendix A (temperature 1.0, min-p 0.05).

    Attributes:
        temperature: 0 means greedy.
        min_p: tokens less likely than `min_p` times the likeliest are never drawn (Nguyen et al. 2024).
        max_tokens: longest reply, in tokens.
        details: ids and log-probabilities of the tokens are wanted too, as far as the model gives them.
    """

    temperature: float = 1.0
    min_p: float = 0.05
    max_tokens: int = 2048
    details: bool = False


@dataclass(frozen=True, slots=True)
class Completion:
    """One reply.

    Attributes:
        text: the reply, without the prompt and without the prefill.
        tokens: length of the reply in tokens, the end token counted.
        finish_reason: "stop" (the model ended it) or "length" (cut at `max_tokens` or the context's end).
        logprob: natural log-probability of the whole reply at temperature 1, or None where the model gives none.
        token_ids: of the reply, the end token counted; None where they were not asked for, or the model gives none.
        token_logprobs: natural log-probability of each at temperature 1; likewise.
    """

    text: str
    tokens: int
    finish_reason: Literal["stop", "length"]
    logprob: float | None = None
    token_ids: tuple[int, ...] | None = None
    token_logprobs: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """All completions of one request.

    Attributes:
        completions: one per completion asked for.
        prompt_tokens: read by the model: the prompt's length, as often as it was sent.
        cost: what the request cost in US dollars; None where that is unknown.
    """

    completions: tuple[Completion, ...]
    prompt_tokens: int
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do; what is missing is emulated or refused before anything is sent, never dropped in silence.

    Attributes:
        n: several completions of one prompt in one request.
        min_p: knows min-p sampling.
        logprobs: returns log-probabilities.
        seed: the same seed gives the same completions.
        prefill: replies can be made to begin with given text.
        system_role: knows the system role.
        adapters: LoRA adapters can be loaded while it runs.
        context_length: prompt and reply together, in tokens; None where unknown.
        max_concurrency: requests worth having under way at once; completions, where it is remote.
        priced: replies say what they cost (0 where a model is free).
        prices: of the model's tokens, for what a search may cost at most; None where unknown.
        remote: behind an endpoint: what is asked of it costs money, or takes the time of a server that others share.
    """

    n: bool
    min_p: bool
    logprobs: bool
    seed: bool
    prefill: bool
    system_role: bool
    adapters: bool
    context_length: int | None
    max_concurrency: int
    priced: bool = False
    prices: Prices | None = None
    remote: bool = False


@runtime_checkable
class LanguageModel(Protocol):
    """Writes completions for a prompt.

    Attributes:
        name: the string that names the model, as archives record it.
        adapter: name of the loaded adapter, None for the base model.
        prompt_set: name of the prompt set it was made for or is best used with.
    """

    name: str
    adapter: str | None
    prompt_set: str

    @property
    def capabilities(self) -> Capabilities:
        """What it can do; asking may start what is needed to know."""
        ...

    async def complete(self, prompt: Prompt, n: int, sampling: Sampling, seed: int) -> Reply:
        """Return exactly `n` completions of `prompt`, drawn with `seed`.

        Raises:
            ModelError: the model could not answer; nothing is known about the completions.
        """
        ...

    def count_tokens(self, prompts: Sequence[Prompt]) -> list[int] | None:
        """Return the length of each prompt in tokens, or None where the model has no tokenizer at hand."""
        ...

    def load_adapter(self, path: str | None) -> None:
        """Answer from now on with the LoRA adapter in folder `path` (None: the base model again)."""
        ...

    def close(self) -> None:
        """End the processes that belong to the model. Idempotent."""
        ...


class ModelError(SoarError):
    """A model could not be loaded or could not answer; the message says what to do."""


def prompt_set_of(source: str) -> str:
    """Return the prompt set that weights were made for: `mini` where pretraining left its mark beside them."""
    return "mini" if (Path(source) / "grids_signature.txt").exists() else "soar"
