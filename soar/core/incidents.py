"""What failed in the machinery and was mended: a lost sandbox worker, a model's process started again.

Told through `logging`, so that whoever configures it sees them; a search collects them with `collect_incidents` and
shows them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOGGER = logging.getLogger("soar.core.incidents")


def record_incident(kind: str, detail: str) -> None:
    """Tell that something was mended.

    Args:
        kind: what happened, in words that stay the same, such as "sandbox worker replaced": events are counted by it.
        detail: why.
    """
    LOGGER.warning("%s: %s", kind, detail, extra={"kind": kind, "detail": detail})


class _Listener(logging.Handler):
    def __init__(self, tell: Callable[[str, str], None]) -> None:
        super().__init__()
        self.tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        fields = vars(record)
        self.tell(fields["kind"], fields["detail"])


@contextmanager
def collect_incidents(tell: Callable[[str, str], None]) -> Iterator[None]:
    """Call `tell(kind, detail)` for each event of this process, from whatever thread it comes.

    Two searches at the same time in one process both hear of it.
    """
    listener = _Listener(tell)
    LOGGER.addHandler(listener)
    try:
        yield
    finally:
        LOGGER.removeHandler(listener)
