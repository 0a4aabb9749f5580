"""The errors that a user can mend: each message says what to do."""

from __future__ import annotations

import reprlib
from pathlib import Path
from types import UnionType


class SoarError(Exception):
    """Base of all errors that `soar` raises on purpose; the command line prints the message and ends with 2."""


class GivenError(SoarError, TypeError):
    """A call was given something of the wrong kind; the message says what it was and what is wanted."""


def expect(given: object, kind: type | UnionType | tuple[type, ...], name: str, wanted: str) -> None:
    """Raise GivenError unless `given` is of this kind: "`name` is `wanted`, not ..."."""
    if not isinstance(given, kind):
        raise GivenError(f"{name} is {wanted}, not {reprlib.repr(given)}")


def expect_path(given: object, name: str) -> Path:
    """Return the path that `given` is, or raise GivenError."""
    expect(given, (str, Path), name, "a path")
    if not str(given):
        raise GivenError(f"{name} is a path, not an empty text")
    return Path(given)  # type: ignore[arg-type]
