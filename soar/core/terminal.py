"""Where this process is watched, if anywhere, and a word to whoever watches."""

from __future__ import annotations

import sys


def in_terminal() -> bool:
    """Whether standard error is a terminal; it may be closed, or no file at all."""
    stream = sys.stderr
    return stream is not None and not stream.closed and stream.isatty()


def in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return type(shell).__name__ == "ZMQInteractiveShell"


def notify(line: str) -> None:
    """Tell the user something while work goes on."""
    print(f"soar: {line}", file=sys.stderr, flush=True)
