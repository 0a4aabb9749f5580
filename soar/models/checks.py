"""What a model answers, looked at before anything is made of it: one of somebody's own may answer with anything."""

from __future__ import annotations

import math
import reprlib
from numbers import Integral, Real

from soar.models.base import Completion, ModelError, Reply


def checked(reply: object, n: int, name: str, details: bool = True) -> Reply:
    """Return a reply as archives can hold it: plain numbers, question marks for the lone surrogates of broken text.

    Args:
        reply: what `complete` of the model returned.
        n: completions asked for.
        name: of the model.
        details: keep ids and log-probabilities of tokens.

    Raises:
        ModelError: it is no `Reply` with `n` completions, or holds something of the wrong kind; says what.
    """
    if not isinstance(reply, Reply):
        raise ModelError(f"{name} answered with a {type(reply).__name__}: complete() returns a soar.models.Reply")
    if fault := _fault(reply):
        raise ModelError(f"the reply of {name} has {fault}")
    if len(reply.completions) != n:
        raise ModelError(f"model {name} gave {len(reply.completions)} completions where {n} were asked for")
    cost = None if reply.cost is None else float(reply.cost)
    return Reply(tuple(_storable(one, details) for one in reply.completions), int(reply.prompt_tokens), cost)


def _fault(reply: Reply) -> str | None:
    """What a reply has that it must not have: a model of somebody's own may answer with anything."""
    if not isinstance(reply.completions, (list, tuple)):
        return f"completions that are {reprlib.repr(reply.completions)}: they are a tuple of soar.models.Completion"
    if not _is_number(reply.prompt_tokens, Integral):
        return f"prompt_tokens that are {reprlib.repr(reply.prompt_tokens)}: they are a number"
    if not (reply.cost is None or _is_number(reply.cost, Real)):
        return f"a cost that is {reprlib.repr(reply.cost)}: it is a number of US dollars, or None"
    for one in reply.completions:
        if not isinstance(one, Completion):
            return f"a completion that is {reprlib.repr(one)}: each is a soar.models.Completion"
        if not isinstance(one.text, str):
            return f"a completion whose text is {reprlib.repr(one.text)}"
        if not _is_number(one.tokens, Integral):
            return f"a completion whose tokens are {reprlib.repr(one.tokens)}: they are a number"
        if one.finish_reason not in ("stop", "length"):
            return f"a completion whose finish_reason is {reprlib.repr(one.finish_reason)}: it is 'stop' or 'length'"
        if not (one.logprob is None or (isinstance(one.logprob, Real) and not math.isnan(one.logprob))):
            return f"a completion whose logprob is {reprlib.repr(one.logprob)}: it is a number, or None"
        if fault := _fault_of_tokens(one):
            return fault
    return None


def _fault_of_tokens(one: Completion) -> str | None:
    for name, values, kind in (
        ("token_ids", one.token_ids, Integral),
        ("token_logprobs", one.token_logprobs, Real),
    ):
        if values is None:
            continue
        if not isinstance(values, (list, tuple)) or not all(isinstance(value, kind) for value in values):
            return f"a completion whose {name} are {reprlib.repr(values)}: they are a tuple of numbers, or None"
        if len(values) != one.tokens:
            return f"a completion of {one.tokens} tokens with {len(values)} {name}"
    return None


def _is_number(value: object, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool) and value >= 0  # type: ignore[operator]


def _storable(completion: Completion, details: bool) -> Completion:
    """What archives can hold: plain numbers, and question marks for the lone surrogates of a broken reply."""
    return Completion(
        completion.text.encode(errors="replace").decode(),
        int(completion.tokens),
        completion.finish_reason,
        None if completion.logprob is None else float(completion.logprob),
        None if completion.token_ids is None or not details else tuple(map(int, completion.token_ids)),
        None if completion.token_logprobs is None or not details else tuple(map(float, completion.token_logprobs)),
    )
