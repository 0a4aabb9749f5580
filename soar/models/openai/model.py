"""`openai:MODEL` and `openai:MODEL@http://host:port/v1` — any server that speaks OpenAI's protocol.

What it understands is declared by kind, told from its address and its list of models; a settings file overrides it, and
`soar doctor --model` finds it out by asking.
"""

from __future__ import annotations

import asyncio
import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from soar.core.incidents import record_incident
from soar.core.seeding import keyed_seed
from soar.models.base import Capabilities, Completion, ModelError, Prompt, Reply, Sampling
from soar.models.openai.addresses import checked_url, split_name
from soar.models.openai.clients import tell_who_reads
from soar.models.openai.completions import Answer, Dialect, Usage, estimated_tokens, read_answer, remedy, request
from soar.models.openai.endpoint import Endpoint, NoAnswerError, RefusedError
from soar.models.openai.pacing import EndpointLimits, wanted_while
from soar.models.openai.prices import Prices, known_prices

OPENAI = "https://api.openai.com/v1"
CONCURRENCY = 16  # completions under way, where nobody says otherwise
OPEN_FILTERS = {"top_p": 1.0, "top_k": -1}  # their own defaults come from the model's folder
# SGLang takes seeds too, but in its deterministic mode all completions of a request may share one.
DIALECTS = {
    "openai": Dialect(n=True, seed=True, limit="max_completion_tokens"),
    "vllm": Dialect(n=True, min_p=True, seed=True, logprobs=True, prefill="continue", neutral=OPEN_FILTERS),
    "sglang": Dialect(
        n=True, min_p=True, logprobs=True, prefill="continue", neutral=OPEN_FILTERS
    ),  # n may share a seed
    "llamacpp": Dialect(min_p=True, seed=True, prefill="assistant", neutral={"top_p": 1.0, "top_k": 0}),
    "ollama": Dialect(seed=True, neutral={"top_p": 1.0}),
    "unknown": Dialect(),
}


class ModelSettings(BaseModel):
    """What a settings file (TOML) can say of an endpoint.

    Attributes:
        key_variable: the environment variable that holds the key; "": send none.
        context_length: prompt and reply together, in tokens, where the server does not say it.
        limits: see `EndpointLimits`.
        dialect: fields of `Dialect` that are other than is usual for this kind of server.
        prices: dollars per million tokens.
        fields: sent with every request as they are, such as reasoning_effort or chat_template_kwargs; they are part of
            the model's name in the archive.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    key_variable: str = "OPENAI_API_KEY"
    context_length: int | None = Field(default=None, ge=1)
    limits: EndpointLimits = EndpointLimits()
    dialect: Mapping[str, Any] = Field(default_factory=dict)
    prices: Prices | None = None
    fields: Mapping[str, Any] = Field(default_factory=dict)


def load_settings(path: str | Path) -> ModelSettings:
    """Read a settings file.

    Raises:
        ModelError: it is no TOML, or holds what nobody reads; says what.
    """
    try:
        settings = ModelSettings.model_validate(tomllib.loads(Path(path).read_text(encoding="utf-8")))
        Dialect.model_validate(settings.dialect)
    except (tomllib.TOMLDecodeError, ValidationError, UnicodeDecodeError) as error:
        raise ModelError(f"settings {path}: {error}") from None
    return settings


class OpenAIModel:
    """A model behind an endpoint.

    Args:
        model: its name there, or with url None also NAME@http://host:port/v1.
        url: base URL; None: the one in `model`, else OPENAI_BASE_URL, or OpenAI's own.
        settings: see there.

    Attributes:
        served: the name that requests carry.

    Raises:
        ModelError: no key where one is needed, or nobody answers at the address.
    """

    prompt_set = "soar"

    def __init__(self, model: str, url: str | None = None, settings: ModelSettings | None = None) -> None:
        settings = settings or ModelSettings()
        if url is None:
            model, url = split_name("openai", model, "/v1")
        self.served, self.settings = model, settings
        self.adapter: str | None = None
        base = os.environ.get("OPENAI_BASE_URL")
        address = checked_url(url or base or OPENAI, "" if url or not base else "OPENAI_BASE_URL")
        self.name = f"openai:{model}" if address == OPENAI else f"openai:{model}@{address}"
        if settings.fields:
            self.name += " " + json.dumps(dict(settings.fields), sort_keys=True)
        key = os.environ.get(settings.key_variable) if settings.key_variable else None
        if address == OPENAI and not key:
            raise ModelError(f"{self.name} needs a key: export {settings.key_variable}=...")
        key_name = settings.key_variable or "settings without a key_variable send none"
        self.endpoint = Endpoint(address, key, settings.limits, key_name=key_name)
        tell_who_reads(address, key)
        with ExitStack() as undo:
            undo.callback(self.endpoint.close)
            kind, window = _look(self.endpoint, model)
            undo.pop_all()
        self.dialect = Dialect.model_validate(DIALECTS[kind].model_dump() | dict(settings.dialect))
        self.prices = settings.prices or known_prices(urlsplit(address).hostname or "", model)
        self.capabilities = self._capabilities(settings.context_length or window)
        self._said: set[str] = set()

    def _capabilities(self, window: int | None) -> Capabilities:
        known = self.dialect
        return Capabilities(
            n=known.n, min_p=known.min_p, logprobs=known.logprobs, seed=known.seed,
            prefill=known.prefill is not None, system_role=known.system_role, adapters=False,
            context_length=window, max_concurrency=self.settings.limits.concurrency or CONCURRENCY,
            priced=self.prices is not None, prices=self.prices, remote=True,
        )  # fmt: skip

    async def complete(self, prompt: Prompt, n: int, sampling: Sampling, seed: int) -> Reply:
        """Return `n` completions; what a reply lacks of them is asked for one by one.

        Tokens and cost count what the server counts, or an estimate where it does not. A prompt that is too long for
        the server gives completions of no tokens, cut at the context's end.
        """
        try:
            answers = [await self._ask(prompt, n, sampling, seed)]
            if missing := n - len(answers[0].completions):
                self._say("fewer completions than asked for", f"{len(answers[0].completions)} of {n}")
                seeds = [keyed_seed(seed, "missing", place) for place in range(missing)]
                with wanted_while():  # what came is paid for, and is kept only with the rest
                    answers += await asyncio.gather(*(self._ask(prompt, 1, sampling, one) for one in seeds))
        except RefusedError as error:
            if not error.said.too_long:
                raise
            record_incident("prompt too long for the server", str(error))
            return Reply((Completion("", 0, "length"),) * n, estimated_tokens(prompt.text), self._cost([]))
        completions = tuple(completion for answer in answers for completion in answer.completions)
        read = sum(answer.usage.prompt for answer in answers)
        return Reply(completions, read, self._cost([answer.usage for answer in answers]))

    async def first_answer(self, prompt: Prompt, n: int, sampling: Sampling, seed: int) -> Reply:
        """Return what one request gives, which may be fewer than `n` completions."""
        answer = await self._ask(prompt, n, sampling, seed)
        return Reply(answer.completions, answer.usage.prompt, self._cost([answer.usage]))

    async def _ask(self, prompt: Prompt, n: int, sampling: Sampling, seed: int) -> Answer:
        """Send one request; the answer may have fewer completions than `n`, but not none."""
        path, body = request(self.served, prompt, n, sampling, seed, self.dialect, self.settings.fields)
        announced = estimated_tokens(prompt.text) + n * sampling.max_tokens
        try:
            answer = await self.endpoint.post(path, body, lambda reply: read_answer(reply, prompt, n), announced)
        except RefusedError as error:
            if error.said.too_long or error.said.status not in (200, 400, 422):
                raise
            hint = remedy(body, error.said.text)
            if hint is None and error.said.status != 200:
                hint = f"[dialect] and [fields] in a settings file decide what is sent: {', '.join(sorted(body))}"
            raise RefusedError(f"{error}. {hint}" if hint else str(error), error.said) from None
        self.endpoint.return_tokens(announced - answer.usage.prompt - answer.usage.completions)
        if answer.usage.estimated:
            self._say("tokens estimated", f"{self.endpoint.url} does not count them")
        if not self.dialect.temperature:
            self._say("temperature not sent", f"{self.name} draws tokens in its own way")
        for reason in answer.unusual:
            record_incident("reply ended in an unusual way", f"{self.name} gave the finish reason {reason}")
        return answer

    def _cost(self, usages: Sequence[Usage]) -> float | None:
        if self.prices is None:
            return None
        return sum(self.prices.cost(usage.prompt, usage.completions, usage.cached) for usage in usages)

    def _say(self, kind: str, detail: str) -> None:
        if kind not in self._said:
            self._said.add(kind)
            record_incident(kind, detail)

    def count_tokens(self, prompts: Sequence[Prompt]) -> list[int]:
        """Return about how long each prompt is: no tokenizer is at hand."""
        return [estimated_tokens(prompt.text) for prompt in prompts]

    def load_adapter(self, path: str | None) -> None:
        """Raise: an endpoint has no adapters. `None` is what it answers with anyway."""
        if path is not None:
            raise ModelError(f"{self.name} cannot load adapters: give hf:, vllm: or mini")

    def close(self) -> None:
        """Close the connections. Idempotent."""
        self.endpoint.close()


def _look(endpoint: Endpoint, model: str) -> tuple[str, int | None]:
    """Return what kind of server it is, and the model's context length where it says so.

    Raises:
        ModelError: nobody answers there, the key is wrong, or it serves other models only.
    """
    if endpoint.url == OPENAI:
        return "openai", None
    try:
        listed = endpoint.get("models").get("data")
    except RefusedError as error:
        if error.status == 401 or 300 <= error.status < 400:
            raise
        return "unknown", None  # some have no such list
    except NoAnswerError as error:
        if error.status is None:
            raise
        return "unknown", None
    cards = [card for card in listed if isinstance(card, dict)] if isinstance(listed, list) else []
    mine = next((card for card in cards if card.get("id") == model), None)
    owners = {str(card.get("owned_by")) for card in cards}
    kind = next((kind for kind in ("vllm", "sglang", "llamacpp") if kind in owners), "unknown")
    if kind == "unknown" and "library" in owners:
        kind = "ollama"
    if mine is None and kind in ("vllm", "sglang"):
        names = ", ".join(sorted(str(card.get("id")) for card in cards))
        raise ModelError(f"{endpoint.url} serves {names or 'no model'}, not {model!r}")
    window = None if mine is None else mine.get("max_model_len") or (mine.get("meta") or {}).get("n_ctx")
    return kind, window if isinstance(window, int) else None
