"""What was given for each input, as HTML for a notebook: ticked where it is right."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from soar.tasks.draw.svg import picture_of_values, to_svg
from soar.tasks.values import Value


def values_to_html(
    said: str, shown: Sequence[tuple[str, Value, bool | None]], lines: Sequence[str] = (), source: str | None = None
) -> str:
    """Return a line in bold, the values, further lines, and a program.

    Args:
        shown: of each value a title, and whether it is right; None where that is unknown.
    """
    picture = f'<div style="overflow-x:auto">{to_svg(picture_of_values(shown))}</div>' if shown else ""
    more = "".join(f"<p>{escape(line)}</p>" for line in lines)
    program = "" if source is None else f"<pre>{escape(source)}</pre>"
    return f"<p><b>{escape(said)}</b></p>{picture}{more}{program}"
