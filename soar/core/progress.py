"""Progress of anything that takes its time: a bar in a terminal, a line that renews itself in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from soar.core.terminal import in_notebook, in_terminal

T = TypeVar("T")


def with_progress(
    items: Iterator[T],
    progress: bool | None,
    state: Callable[[T], tuple[float | None, float | None, str]],
    start: str,
    as_lines: Callable[[Iterator[T]], Iterator[T]],
) -> Iterator[T]:
    """Pass items on and show each where this runs; with None only in a terminal or a notebook, with False nowhere.

    Args:
        state: of an item: total, what is done of it, and the text.
        start: text before the first item.
        as_lines: passes items on and prints lines, where there is neither terminal nor notebook.
    """
    if progress is False:
        return items
    if in_notebook():
        return _in_a_notebook(items, state, start)
    if in_terminal():
        return _in_a_terminal(items, state, start)
    return as_lines(items) if progress else items


def _in_a_terminal(
    items: Iterator[T], state: Callable[[T], tuple[float | None, float | None, str]], start: str
) -> Iterator[T]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task(start, total=None)
        for item in items:
            total, completed, text = state(item)
            bar.update(line, total=total, completed=completed, description=text)
            yield item


def _in_a_notebook(
    items: Iterator[T], state: Callable[[T], tuple[float | None, float | None, str]], start: str
) -> Iterator[T]:
    from IPython.display import display

    handle = display({"text/plain": start}, raw=True, display_id=True)  # type: ignore[no-untyped-call]
    for item in items:
        handle.update({"text/plain": state(item)[2]}, raw=True)
        yield item


def format_seconds(seconds: float) -> str:
    """Seconds as `1:02:03` or `2:03`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
