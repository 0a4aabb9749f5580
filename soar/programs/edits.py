"""Programs out of replies that change a program: SEARCH/REPLACE blocks, or the whole program anew. Read strictly.

A reply that asks for what cannot be done, in one block of many, changes nothing: half of an edit is another program
than the one that was meant. Why it failed can be shown to the model.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from soar.programs.blocks import BlockError, blocks, outside, within
from soar.programs.parsing.replies import ParseFailure

MAX_REPLY = 1 << 18  # characters
_OPEN, _MIDDLE, _CLOSE = re.compile(r"<{7} ?SEARCH\s*"), re.compile(r"={7}\s*"), re.compile(r">{7} ?REPLACE\s*")
_FENCE = re.compile(r"^```[ \t]*(?:python|py)?[ \t]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)


def edited(source: str, reply: str) -> str | ParseFailure:
    """Return a program with the SEARCH/REPLACE blocks of a reply carried out, one after another.

    Each SEARCH text must stand in the program once, as whole lines, within an EVOLVE-BLOCK where there are marks.
    """
    pairs = _pairs(reply)
    if isinstance(pairs, ParseFailure):
        return pairs
    made = source
    for number, (search, replace) in enumerate(pairs, 1):
        places = _places(made, search)
        if len(places) != 1:
            often = "is not in the program" if not places else f"is in the program {len(places)} times"
            return ParseFailure(f"SEARCH text of block {number} {often}")
        first = places[0]
        if not within(first + 1, first + len(search), blocks(made)):
            return ParseFailure(f"block {number} changes lines outside EVOLVE-BLOCK marks")
        lines = made.split("\n")
        made = "\n".join(lines[:first] + replace + lines[first + len(search) :])
        if (fault := _marks_kept(source, made)) is not None:
            return fault
    return _sound(source, made)


def rewritten(source: str, reply: str) -> str | ParseFailure:
    """Return the program in the one fenced block of a reply; all outside EVOLVE-BLOCK marks must be as it was."""
    if len(reply) > MAX_REPLY:
        return ParseFailure("the reply is too long")
    found = _FENCE.findall(reply)
    if len(found) != 1:
        return ParseFailure(f"the reply has {len(found)} fenced blocks of Python; one is wanted, the whole program")
    return _marks_kept(source, found[0]) or _sound(source, found[0])


READERS: dict[str, Callable[[str, str], str | ParseFailure]] = {"edit": edited, "rewrite": rewritten}


def _pairs(reply: str) -> list[tuple[list[str], list[str]]] | ParseFailure:
    """The lines to search for and those to put in their place."""
    if len(reply) > MAX_REPLY:
        return ParseFailure("the reply is too long")
    pairs, search, replace = list[tuple[list[str], list[str]]](), list[str](), list[str]()
    state = 0  # outside, in a SEARCH, in a REPLACE
    for line in reply.split("\n"):
        marks = [bool(mark.fullmatch(line)) for mark in (_OPEN, _MIDDLE, _CLOSE)]
        if not any(marks):
            if state:
                (search if state == 1 else replace).append(line)
        elif not marks[state]:
            return ParseFailure("SEARCH/REPLACE marks in the wrong order")
        else:
            state = (state + 1) % 3
            if state == 0:
                pairs.append((search, replace))
                search, replace = [], []
    if state:
        return ParseFailure("the last SEARCH/REPLACE block has no end")
    if not pairs:
        return ParseFailure("no SEARCH/REPLACE block in the reply")
    if any(not "".join(wanted).strip() for wanted, _ in pairs):
        return ParseFailure("a SEARCH text is empty")
    return pairs


def _places(source: str, search: list[str]) -> list[int]:
    """The lines, from 0, at which a text begins; blanks at the ends of lines do not count."""
    lines, wanted = [line.rstrip() for line in source.split("\n")], [line.rstrip() for line in search]
    return [at for at in range(len(lines) - len(wanted) + 1) if lines[at : at + len(wanted)] == wanted]


def _marks_kept(source: str, made: str) -> ParseFailure | None:
    try:
        same = outside(source) == outside(made)
    except BlockError:
        same = False
    return None if same else ParseFailure("text outside EVOLVE-BLOCK marks, or a mark, is not as it was")


def _sound(source: str, made: str) -> str | ParseFailure:
    """A program that is Python, and another than before."""
    if made.strip() == source.strip():
        return ParseFailure("the program is as it was")
    try:
        ast.parse(made)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return ParseFailure(f"no Python: {error}")
    return made
