"""Lines of words that results of one task and of many share."""

from __future__ import annotations

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
        "Raise it in a new run with --reply-tokens (in Python max_tokens), as far as the model's window reaches"
    )
