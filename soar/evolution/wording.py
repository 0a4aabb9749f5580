"""Lines of words that results of one task and of many share."""

from __future__ import annotations

from soar.programs.program import Attempt

MANY_CUT = 0.1  # share of replies cut at the longest length, above which a warning is due


class Line(str):
    """A line of text that may be called as well: `result.summary` and `result.summary()` are the same."""

    __slots__ = ()

    def __call__(self) -> str:
        """The text."""
        return str(self)


def cut_warning(cut: tuple[int, int], completions: int) -> str:
    """A warning where so many replies were cut that it pays to do something about it, else nothing."""
    count, longest = cut
    if count <= MANY_CUT * completions:
        return ""
    return (
        f"Warning: {count / completions:.1%} of the replies were cut at the longest length ({longest} tokens). "
        "Raise it in a new run with --max-tokens (in Python max_tokens), as far as the model's window reaches"
    )


def source_of(attempt: Attempt) -> str:
    """The source of its program, nothing without one."""
    return attempt.program.source if attempt.program else ""


def describe(attempt: Attempt) -> str:
    """How it came about, and what it solves, in a line."""
    right = sum(outcome.status == "ok" for outcome in attempt.train)
    how = f"refined from {', '.join(attempt.parents)}" if attempt.parents else "sampled"
    rules = f"; not eligible: {', '.join(attempt.broken_rules)}" if attempt.broken_rules else ""
    share = f"{attempt.train_accuracy:.0%} of the examples right, {right} of {len(attempt.train)} with an output"
    return f"Best program ({attempt.key}, {how}): {share}{rules}"
