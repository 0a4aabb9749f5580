"""What a server's errors say: text and code, whether asking again may help, whether the prompt was too long.

Errors come with a status that says so, or inside a reply of status 200: gateways pass on what a provider said, and some
servers answer so whatever happens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SHOWN = 300  # characters of what a server says
NO_MORE = ("insufficient_quota", "billing_hard_limit_reached")  # answered with 429, but waiting does not help
BUSY, TOO_LARGE = 429, 413
WAITING_HELPS = (408, 409)
ERRORS = ("error", "errors", "detail", "message", "msg", "base_resp")  # fields that hold one, in servers' own ways
NUMBERS, NAMES = ("code", "status", "status_code"), ("type", "code", "status", "error_type")
TOO_LONG = re.compile(
    r"context_length_exceeded|context[ _](length|size|window)|exceeds?[^.]{0,40} number of tokens|too many tokens"
    r"|(prompt|input|request) is too (long|large)|input length|`inputs` tokens|string_above_max_length",
    re.IGNORECASE,
)
BUSY_WORDS = re.compile(r"rate.?limit|too.?many.?requests|overloaded|resource.?exhausted", re.IGNORECASE)
FOR_GOOD = re.compile(
    r"invalid|not.?found|unsupported|not supported|authenti|unauthor|permission|forbidden|validation|bad.?request"
    r"|billing|quota|unexpected endpoint|does not exist",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Complaint:
    """An error that a server tells.

    Attributes:
        status: of HTTP, or the like number inside the reply; 200 where there is neither.
        text: what it said, cut, on one line.
        again: sending the same again may help.
        too_long: the prompt does not fit the model, which is nobody's fault but the prompt's.
    """

    status: int
    text: str
    again: bool
    too_long: bool

    def __str__(self) -> str:
        return f"status {self.status} {self.text}".strip()


def complaint_of(status: int, text: str) -> Complaint:
    """Return what to make of a reply whose status is an error."""
    if status == BUSY:  # "too many tokens" a minute are no prompt that is too long
        return Complaint(status, shown(text), not any(word in text for word in NO_MORE), False)
    too_long = status == TOO_LARGE or (status >= 400 and TOO_LONG.search(text) is not None)
    return Complaint(status, shown(text), not too_long and (status in WAITING_HELPS or status >= 500), too_long)


def complaint_in(reply: Mapping[str, Any]) -> Complaint | None:
    """Return the error that a reply of status 200 holds in place of what was asked for; None: it holds none.

    Where it has no number, its type and code in words decide, or its text; what is not known is worth another try.
    """
    error = _error(reply)
    if not error:
        return None
    fields = {**reply, **(error if isinstance(error, Mapping) else {})}
    text = error if isinstance(error, str) else json.dumps(error, ensure_ascii=False)
    words = " ".join(str(fields[name]) for name in NAMES if isinstance(fields.get(name), str)) or text
    numbers = [int(value) for name in NUMBERS if re.fullmatch(r"[45]\d\d", value := str(fields.get(name)))]
    if not numbers and BUSY_WORDS.search(words):
        numbers = [BUSY]
    if numbers:
        return complaint_of(numbers[0], text)
    too_long = TOO_LONG.search(f"{words} {text}") is not None
    return Complaint(200, f"in place of an answer: {shown(text)}", not (too_long or FOR_GOOD.search(words)), too_long)


def _error(reply: Mapping[str, Any]) -> Any:
    choices = reply.get("choices")
    if isinstance(choices, list) and choices:  # as good as none, where each holds an error of its own
        errors = [choice.get("error") for choice in choices if isinstance(choice, dict)]
        return errors[0] if len(errors) == len(choices) and all(errors) else None
    found = [] if isinstance(reply.get("data"), list) else [reply[name] for name in ERRORS if reply.get(name)]
    return found[0] if found else None


def shown(text: str) -> str:
    """What a server said, cut to a line that can be shown."""
    return " ".join(text.split())[:SHOWN]
