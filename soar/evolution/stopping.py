"""When a search stops before its budget is spent. Stoppers are joined by `|`: the first that has a reason stops it.

What is under way then is finished and recorded, nothing new is sent, and the result says why. A stopper is no part of
what is searched: the same call without it goes on where the search stopped, and ends as if it never had.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from soar.evolution.config import ConfigError

if TYPE_CHECKING:
    from soar.evolution.snapshot import Snapshot
    from soar.models.base import LanguageModel


class Stopper:
    """Decides whether a search goes on. Subclasses say why it should not."""

    def reason(self, snapshot: Snapshot) -> str | None:
        """Return why the search stops now, None where it goes on.

        Asked before each request to the model, and twice a second by what waits for a turn; from any thread.
        """
        raise NotImplementedError

    def check(self, model: LanguageModel) -> None:
        """Raise ConfigError where it cannot do its work with this model; called before anything is sent."""

    def __or__(self, other: Stopper) -> Stopper:
        return AnyOf((self, checked_stopper(other)))


def checked_stopper(given: object) -> Stopper:
    """Return what was given to stop a search. Raises ConfigError where it cannot."""
    if not isinstance(given, Stopper):
        raise ConfigError(
            f"{given!r} stops no search: give Seconds(600), Programs(1000), StopFile('stop'), or several by |"
        )
    return given


@dataclass(frozen=True, slots=True)
class AnyOf(Stopper):
    """Stops when one of several does; `a | b` makes one."""

    stoppers: tuple[Stopper, ...]

    def reason(self, snapshot: Snapshot) -> str | None:
        """Return the reason of the first that has one."""
        reasons = (stopper.reason(snapshot) for stopper in self.stoppers)
        return next((reason for reason in reasons if reason is not None), None)

    def check(self, model: LanguageModel) -> None:
        """Check each of them."""
        for stopper in self.stoppers:
            stopper.check(model)


@dataclass(frozen=True, slots=True)
class Programs(Stopper):
    """Stops once the search has `n` programs, those of earlier starts included; requests under way come on top."""

    n: int

    def reason(self, snapshot: Snapshot) -> str | None:
        """Return how many there are."""
        return f"{snapshot.programs} programs of {self.n} wanted" if snapshot.programs >= self.n else None


@dataclass(frozen=True, slots=True)
class Tokens(Stopper):
    """Stops once the model has written `n` tokens, those of earlier starts included; prompts are not counted."""

    n: int

    def reason(self, snapshot: Snapshot) -> str | None:
        """Return how many there are."""
        return f"{snapshot.tokens} tokens of {self.n} allowed" if snapshot.tokens >= self.n else None


@dataclass(frozen=True, slots=True)
class Cost(Stopper):
    """Stops once the search has cost so many US dollars, those of earlier starts included.

    Requests under way come on top. A model whose capabilities say that it knows no prices is refused.
    """

    dollars: float

    def reason(self, snapshot: Snapshot) -> str | None:
        """Return what it has cost."""
        cost = snapshot.cost
        return None if cost is None or cost < self.dollars else f"${cost:.4f} of ${self.dollars:g} allowed"

    def check(self, model: LanguageModel) -> None:
        """Raise ConfigError where the model does not say what its replies cost."""
        if not model.capabilities.priced:
            raise ConfigError(
                f"a limit of ${self.dollars:g} cannot be kept: model {model.name} does not say what its replies cost; "
                "limit tokens or seconds instead"
            )


@dataclass(frozen=True, slots=True)
class Seconds(Stopper):
    """Stops after `n` seconds of wall clock since this start."""

    n: float

    def reason(self, snapshot: Snapshot) -> str | None:
        """Return how long it took."""
        return f"{snapshot.seconds:.0f} seconds of {self.n:g} allowed" if snapshot.seconds >= self.n else None


@dataclass(frozen=True, slots=True)
class StopFile(Stopper):
    """Stops once a file is there, which someone elsewhere makes (`touch stop`); soar never removes it."""

    path: str | Path

    def reason(self, snapshot: Snapshot) -> str | None:
        """Return that the file is there, and what lets the search go on."""
        return f"the stop file {self.path} is there; remove it to go on" if Path(self.path).exists() else None


@dataclass(slots=True)
class CtrlC(Stopper):
    """Stops after Ctrl-C; see `on_ctrl_c`."""

    pressed: bool = False

    def reason(self, snapshot: Snapshot) -> str | None:
        """Return that it was pressed."""
        return "Ctrl-C" if self.pressed else None


@contextmanager
def on_ctrl_c(tell: Callable[[str], None]) -> Iterator[CtrlC]:
    """Yield a stopper that stops at the first Ctrl-C; a second one raises KeyboardInterrupt as ever.

    In threads other than the main one, which get no signals, and where Ctrl-C means something else to the caller, it
    changes nothing.

    Args:
        tell: called with what to tell the user at the first Ctrl-C.
    """
    stopper = CtrlC()
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or usual is not signal.default_int_handler:
        yield stopper
        return

    def press(number: int, frame: FrameType | None) -> None:
        stopper.pressed = True
        signal.signal(signal.SIGINT, usual)
        tell("Ctrl-C: finishing the requests under way; once more ends at once")

    signal.signal(signal.SIGINT, press)
    try:
        yield stopper
    finally:
        signal.signal(signal.SIGINT, usual)
