"""The parts of a program that may change: between the marks EVOLVE-BLOCK-START and EVOLVE-BLOCK-END, in comments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias

from soar.core.errors import SoarError

Span: TypeAlias = tuple[int, int]  # first and last line, from 1, both included

_MARK = re.compile(r"^\s*#.*\bEVOLVE-BLOCK-(START|END)\b")


class BlockError(SoarError):
    """The marks of a program do not come in pairs; the message says where."""


def blocks(source: str) -> list[Span]:
    """Return the spans of lines that may change, in order: those between marks, all where there are no marks.

    Raises:
        BlockError: a mark has no partner.
    """
    lines = source.split("\n")
    found, start = list[Span](), 0
    for number, line in enumerate(lines, 1):
        if (mark := _MARK.match(line)) is None:
            continue
        if (mark.group(1) == "END") != bool(start):
            raise BlockError(f"line {number}: {line.strip()!r} has no partner: EVOLVE-BLOCK marks come in pairs")
        if start:
            found.append((start + 1, number - 1))
        start = 0 if start else number
    if start:
        raise BlockError(f"line {start}: this EVOLVE-BLOCK-START has no end")
    marked = found or any(map(_MARK.match, lines))
    return found if marked else [(1, len(lines))]


def outside(source: str) -> list[str]:
    """Return the lines that must stay as they are, marks included."""
    kept, spans = list[str](), blocks(source)
    for number, line in enumerate(source.rstrip("\n").split("\n"), 1):
        if not within(number, number, spans):
            kept.append(line.rstrip())
    return kept


def within(first: int, last: int, spans: Sequence[Span]) -> bool:
    """Whether lines `first` to `last` lie in one of the spans."""
    return any(start <= first and last <= end for start, end in spans)
