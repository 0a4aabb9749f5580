"""How a program was found: its line of ancestors, and what each step changed."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

from soar.programs.program import Attempt


def ancestors(attempt: Attempt, find: Callable[[str], Attempt]) -> list[Attempt]:
    """Return the attempt and all it descends from, each once, parents before children.

    Args:
        attempt: the last of the list.
        find: returns the attempt with a key.
    """
    line: dict[str, Attempt] = {}

    def add(one: Attempt) -> None:
        if one.key not in line:
            for key in one.parents:
                add(find(key))
            line[one.key] = one

    add(attempt)
    return list(line.values())


def change(before: Attempt, after: Attempt) -> list[str]:
    """Return the lines that differ between two programs, the old with `-`, the new with `+`; empty where none does."""
    old, new = ((one.program.source if one.program else "").splitlines() for one in (before, after))
    differences = list(difflib.unified_diff(old, new, n=0, lineterm=""))
    return [line for line in differences[2:] if not line.startswith("@@")]


def line_text(line: Sequence[Attempt]) -> str:
    """Return a line of ancestors as text: for each program where it came from, how good it was and what it changed."""
    by_key = {attempt.key: attempt for attempt in line}
    parts = []
    for attempt in line:
        parts.append(_heading(attempt))
        if attempt.parents:
            changed = change(by_key[attempt.parents[0]], attempt)
            parts += [f"    {one}" for one in changed] or ["    (the same program again)"]
        else:
            source = attempt.program.source if attempt.program else ""
            parts += [f"      {one}".rstrip() for one in source.strip().splitlines()]
    return "\n".join(parts)


def short_line(line: Sequence[Attempt]) -> str:
    """Return a line of ancestors in one line: `0/sample/-/0/3 33% → 0/refine/1/2/0 100%`."""
    return " → ".join(f"{attempt.key} {attempt.train_accuracy:.0%}" for attempt in line)


def attempt_text(attempt: Attempt) -> str:
    """Return an attempt as text: where it came from, how its reply ended, what went wrong, and the reply in full."""
    cut = ", cut at the longest length" if attempt.finish_reason == "length" else ""
    said = [f"{_heading(attempt)}; {attempt.tokens} tokens{cut}"]
    said += [f"  failed: {attempt.failure}"] if attempt.failure else []
    said += [f"  not eligible: {', '.join(attempt.broken_rules)}"] if attempt.broken_rules else []
    return "\n".join([*said, *(f"    {line}".rstrip() for line in attempt.reply.splitlines()), ""])


def _heading(attempt: Attempt) -> str:
    first, *others = attempt.parents or (None,)
    how = "sampled" if first is None else f"refined from {first}"
    joined = f" with {', '.join(str(key) for key in others)}" if others else ""
    return f"{attempt.key}: {attempt.train_accuracy:.0%} of the examples right; {how}{joined}"
