"""Where this process is watched, if anywhere."""

from __future__ import annotations

import sys


def in_terminal() -> bool:
    """Whether standard error is a terminal; it may be closed, or no file at all."""
    stream = sys.stderr
    return stream is not None and not stream.closed and stream.isatty()
