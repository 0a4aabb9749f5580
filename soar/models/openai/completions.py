"""What is asked of an OpenAI-compatible endpoint, and what its replies mean.

Prompts that are chats go to `chat/completions`, raw ones to `completions`. Only fields that an endpoint is known to
understand are sent: strict ones refuse a request for one field too many, others leave it out in silence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from soar.models.base import Completion, ModelError, Prompt, Sampling
from soar.models.openai.complaints import shown
from soar.models.openai.endpoint import BrokenReplyError

# What tokenizers of today's models split text into before they merge: short words with the space before them, up to
# three digits, runs of signs, white space, foreign letters. A digit of a grid is a token, and so is the space after it.
PIECES = re.compile(r" ?[A-Za-z]{1,8}|[0-9]{1,3}| ?[!-/:-@\[-`{-~]{1,3}|\s+|[^\x00-\x7f]")
# Why completions end, in the words of many servers.
ENDED = {"stop", "eos", "eos_token", "end_turn", "stop_sequence"}
CUT = {"length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded"}
BROKEN_OFF = {"abort", "error", "cancelled", "insufficient_system_resource", "network_error"}
# Lines of a settings file for fields of a request that a server refuses.
REMEDIES = {field: f"{field} = false in [dialect]" for field in ("temperature", "n", "min_p", "seed", "logprobs")} | {
    "max_tokens": 'limit = "max_completion_tokens" in [dialect]',
    "max_completion_tokens": 'limit = "max_tokens" in [dialect]',
    "continue_final_message": 'prefill = "assistant" in [dialect]',
    "add_generation_prompt": 'prefill = "assistant" in [dialect]',
}


class Dialect(BaseModel):
    """Which fields an endpoint understands.

    Attributes:
        n: several completions in one request.
        min_p: min-p sampling.
        seed: seeds.
        logprobs: log-probabilities of the drawn tokens.
        prefill: how a chat's reply is made to begin with given text: "continue" (vLLM's and SGLang's
            continue_final_message), "assistant" (a last message of the assistant is gone on with), or None: not at all.
        temperature: takes a temperature; models that think often take their own only.
        system_role: knows the system role.
        completions: has `completions`, for raw prompts.
        limit: name of the field for the longest reply in chats.
        neutral: fields that switch off what the endpoint would otherwise filter by its own defaults.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    n: bool = False
    min_p: bool = False
    seed: bool = False
    logprobs: bool = False
    prefill: Literal["continue", "assistant"] | None = None
    temperature: bool = True
    system_role: bool = True
    completions: bool = True
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    neutral: Mapping[str, float] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request: of the prompt, those of it that came from a cache, and of all completions together."""

    prompt: int
    cached: int
    completions: int
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Completions of one reply, as many as it held, its tokens, and reasons to end that are none of the usual ones."""

    completions: tuple[Completion, ...]
    usage: Usage
    unusual: tuple[str, ...] = ()


def request(
    model: str, prompt: Prompt, n: int, sampling: Sampling, seed: int, dialect: Dialect, extra: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Return path and body of the request for `n` completions.

    Args:
        extra: fields sent as they are, such as chat_template_kwargs; `model`, `messages` and the like win.

    Raises:
        ModelError: the prompt asks for what the endpoint does not have.
    """
    body: dict[str, Any] = {**dialect.neutral, **extra, "model": model}
    for field, known, value in (
        ("temperature", dialect.temperature, sampling.temperature),
        ("n", dialect.n and n > 1, n),
        ("min_p", dialect.min_p and sampling.temperature > 0, sampling.min_p),
        ("seed", dialect.seed, seed),
    ):
        if known:
            body[field] = value
    if prompt.raw:
        if not dialect.completions:
            raise ModelError(f"{model} takes chats only, and the prompt set asks for raw text: pass another prompt_set")
        body |= {"prompt": prompt.text, "max_tokens": sampling.max_tokens}
        return "completions", body | ({"logprobs": 1} if dialect.logprobs else {})
    messages = list(prompt.messages)
    if prompt.prefill:
        if dialect.prefill is None:
            raise ModelError(f"{model} cannot begin its reply with given text: pass another prompt_set")
        messages.append({"role": "assistant", "content": prompt.prefill})
        if dialect.prefill == "continue":
            body |= {"continue_final_message": True, "add_generation_prompt": False}
    body |= {"messages": messages, dialect.limit: sampling.max_tokens}
    return "chat/completions", body | ({"logprobs": True} if dialect.logprobs else {})


def read_answer(reply: Mapping[str, Any], prompt: Prompt, n: int) -> Answer:
    """Return the first `n` completions of a reply, or as many as it has.

    Where the reply counts no tokens, they are estimated. Tokens of several completions are their
    log-probabilities' count, or else the reply's total, shared out by length. Completions that the server broke off are
    left out.

    Raises:
        BrokenReplyError: there is no completion in it; shows what is there instead.
    """
    given = reply.get("choices")
    if not isinstance(given, list) or not given:
        raise BrokenReplyError(f"no completion in it: {shown(json.dumps(reply))}")
    try:
        ordered = sorted(given, key=lambda choice: choice.get("index") or 0)
        choices = [choice for choice in ordered if _reason(choice) not in BROKEN_OFF]
        texts = [_text(choice, prompt.prefill) for choice in choices]
        logprobs = [_logprobs(choice) for choice in choices]
        usage = _usage(reply.get("usage"), prompt, texts)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BrokenReplyError(f"{type(error).__name__} {error}: {shown(json.dumps(reply))}") from None
    if not choices:
        raise BrokenReplyError(f"a completion was broken off by the server: {shown(json.dumps(given))}")
    counts = [len(one) for one in logprobs if one is not None]
    tokens = counts if len(counts) == len(texts) else _shares(usage.completions, [len(text) for text in texts])
    reasons = [_reason(choice) for choice in choices]
    completions = [
        _completion(choice, text, count, reason, one)
        for choice, text, count, reason, one in zip(choices, texts, tokens, reasons, logprobs, strict=True)
    ]
    unusual = tuple(reason for reason in reasons[:n] if reason not in CUT | ENDED)
    return Answer(tuple(completions[:n]), usage, unusual)


def _completion(
    choice: Mapping[str, Any], text: str, tokens: int, reason: str, logprobs: Sequence[float] | None
) -> Completion:
    ids = choice.get("token_ids")  # where a vLLM was asked for them
    return Completion(
        text,
        tokens,
        "length" if reason in CUT else "stop",
        None if logprobs is None else sum(logprobs),
        tuple(map(int, ids)) if isinstance(ids, list) and len(ids) == tokens else None,
        tuple(logprobs) if logprobs is not None and len(logprobs) == tokens else None,
    )


def remedy(body: Mapping[str, Any], said: str) -> str | None:
    """Return the settings that leave out what a server refused: the fields of `body` that it names; None without any.

    Args:
        body: of the request.
        said: what the server said.
    """
    found = [line for field, line in REMEDIES.items() if field in body and _named(field, said)]
    found += [
        f"neutral = {{}} in [dialect], or no {field} in [fields]"
        for field in body.keys() - REMEDIES.keys() - {"model", "messages", "prompt"}
        if _named(field, said)
    ]
    if any(message["role"] == "system" for message in body.get("messages", ())) and "system" in said.lower():
        found.append("system_role = false in [dialect]")
    return "In a settings file: " + "; ".join(found) if found else None


def _named(field: str, said: str) -> bool:
    """Whether an error names a field; short ones only count in quotes."""
    quoted = rf"['\"`]{field}\\?['\"`]"
    return re.search(quoted if len(field) < 4 else rf"\b{field}\b", said) is not None


def _reason(choice: Mapping[str, Any]) -> str:
    """Why a completion ended, in the server's words."""
    if choice.get("error"):
        return "error"
    return str(choice.get("finish_reason") or "stop").lower()


def _text(choice: Mapping[str, Any], prefill: str) -> str:
    """The completion, with reasoning that came apart in thinking tags before it; without the prefill."""
    if "message" not in choice:
        return str(choice["text"])
    message = choice["message"]
    content = message.get("content") or message.get("refusal") or ""
    if not isinstance(content, str):
        content = "".join(part.get("text") or "" for part in content)
    content = content.removeprefix(prefill)  # some endpoints repeat it
    thought = message.get("reasoning_content") or message.get("reasoning") or ""
    return f"<think>\n{thought}\n</think>\n{content}" if thought else content


def _logprobs(choice: Mapping[str, Any]) -> list[float] | None:
    given = choice.get("logprobs")
    if not given:
        return None
    values = given.get("token_logprobs")
    if values is None and given.get("content") is not None:
        values = [token["logprob"] for token in given["content"]]
    return None if not values or None in values else [float(value) for value in values]


def _usage(given: Mapping[str, Any] | None, prompt: Prompt, texts: Sequence[str]) -> Usage:
    if not given or given.get("prompt_tokens") is None:
        guesses = [estimated_tokens(text) for text in texts]
        return Usage(estimated_tokens(prompt.text), 0, sum(guesses), estimated=True)
    cached = (given.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    return Usage(int(given["prompt_tokens"]), int(cached), int(given.get("completion_tokens") or 0))


def estimated_tokens(text: str) -> int:
    """Return about how many tokens a text has, where no tokenizer is at hand: at least one."""
    return max(1, sum(1 for _ in PIECES.finditer(text)))


def _shares(total: int, lengths: Sequence[int]) -> list[int]:
    """Share `total` out in proportion to the lengths, so that the shares add up to it."""
    whole, given, passed, shares = max(1, sum(lengths)), 0, 0, []
    for length in lengths[:-1]:
        passed += length
        upto = total * passed // whole
        shares.append(upto - given)
        given = upto
    return [*shares, total - given]
