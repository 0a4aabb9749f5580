"""What stops a search, as the options `--stop-programs`, `--stop-tokens` and the like say it."""

from __future__ import annotations

import functools
import operator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soar.evolution.stopping import Stopper


def stopper_of(
    programs: int | None, tokens: int | None, cost: float | None, seconds: float | None, file: Path | None
) -> Stopper | None:
    """Return what stops when the first of these says so; None where none is given."""
    from soar.evolution.stopping import Cost, Programs, Seconds, StopFile, Tokens

    wanted = [
        None if programs is None else Programs(programs),
        None if tokens is None else Tokens(tokens),
        None if cost is None else Cost(cost),
        None if seconds is None else Seconds(seconds),
        None if file is None else StopFile(file),
    ]
    given: list[Stopper] = [stopper for stopper in wanted if stopper is not None]
    return functools.reduce(operator.or_, given) if given else None
