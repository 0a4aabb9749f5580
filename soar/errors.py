"""The errors that a user can mend: each message says what to do."""

from __future__ import annotations


class SoarError(Exception):
    """Base of all errors that `soar` raises on purpose; the command line prints the message and ends with 2."""
