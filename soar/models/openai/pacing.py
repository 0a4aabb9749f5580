"""How often an endpoint is asked: rates, pauses between tries, and what `Retry-After` says."""

from __future__ import annotations

import asyncio
import email.utils
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from pydantic import BaseModel, ConfigDict, Field

SHORTEST_PAUSE = 0.5  # seconds
LOOK_AGAIN = 0.5  # seconds between two questions whether an answer is still wanted


class GivenUpError(Exception):
    """The answer is not wanted any more, and nothing that could bring it was under way."""


def _wanted() -> bool:
    return True


# Tells whether the answer is still wanted; a variable of the context, which follows a request into an endpoint's loop.
wanted: ContextVar[Callable[[], bool]] = ContextVar("wanted", default=_wanted)


@contextmanager
def wanted_while(tell: Callable[[], bool] = _wanted) -> Iterator[None]:
    """Wait no longer for a turn to send or to send again, in what is asked meanwhile, than `tell` returns True."""
    token = wanted.set(tell)
    try:
        yield
    finally:
        wanted.reset(token)


async def wait(seconds: float) -> None:
    """Sleep. Raises GivenUpError once the answer is not wanted any more, see `wanted_while`."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if not wanted.get()():
            raise GivenUpError
        await asyncio.sleep(min(left, LOOK_AGAIN))


class EndpointLimits(BaseModel):
    """How an endpoint may be used.

    Attributes:
        concurrency: requests under way at once; None: as many as the searches send. A search sends no more than make so
            many completions together, unless it is told its own `concurrency`.
        requests_per_minute, tokens_per_minute: rates that are kept, spread evenly; None: no limit. Tokens are those of
            the prompt and the longest reply, corrected when the reply's own count is known.
        timeout: seconds for one try, from sending to the last byte.
        retries: tries after the first, after errors of the server (500 and above), timeouts, broken replies and
            connections that fail.
        longest_pause: seconds that the pause between two of them doubles up to.
        patience: seconds that a request waits in all because the server says that it is asked too often (429).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    concurrency: int | None = Field(default=None, ge=1)
    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)
    timeout: float = Field(default=600, gt=0)
    retries: int = Field(default=6, ge=0)
    longest_pause: float = Field(default=30, gt=0)
    patience: float = Field(default=600, ge=0)


class Rate:
    """Spreads what it admits evenly over the minutes; to be used in one event loop.

    Args:
        per_minute: units; None: as many as come.
    """

    def __init__(self, per_minute: float | None) -> None:
        self.seconds_each = 60 / per_minute if per_minute else 0.0
        self.next = 0.0

    async def take(self, units: float) -> None:
        """Wait until `units` more are admitted."""
        start = max(self.next, time.monotonic())
        self.next = start + units * self.seconds_each
        try:
            await wait(start - time.monotonic())
        except GivenUpError:
            self.give_back(units)
            raise

    def give_back(self, units: float) -> None:
        """Return units that were not used (negative: that were used on top)."""
        self.next -= units * self.seconds_each


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that `Retry-After` (RFC 9110, 10.2.3) asks to wait, given as such or as a date; None without.

    A date counts from the server's own `Date`, where it sends one: clocks differ.
    """
    value = headers.get("Retry-After", "").strip()
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        then = email.utils.parsedate_to_datetime(value).timestamp()
        now = headers.get("Date")
        return max(0.0, then - (email.utils.parsedate_to_datetime(now).timestamp() if now else time.time()))
    except ValueError:
        return None


def next_pause(asked: float | None, tries: int, longest: float, jitter: random.Random) -> float:
    """Return the seconds before the next try: what the server asks for and a little more, or twice as long each time.

    Args:
        asked: seconds that the server asks for, if it does.
        tries: made so far, at least one.
        longest: the pause doubles up to this.
    """
    if asked is not None:
        return max(SHORTEST_PAUSE, asked) * jitter.uniform(1, 1.1)
    return min(longest, SHORTEST_PAUSE * 2.0 ** min(tries, 20)) * jitter.uniform(0.5, 1)
