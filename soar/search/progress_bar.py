"""A search's progress, shown where it runs: a bar in a terminal, a line that renews itself in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from soar.models.prices import dollars
from soar.search.progress import Snapshot
from soar.terminal import in_terminal

T = TypeVar("T")
QUIET = 15.0  # seconds


def watched(snapshots: Iterator[Snapshot], progress: bool | None) -> Iterator[Snapshot]:
    """Pass snapshots on and show each, with False nowhere.

    Without a terminal or a notebook: with True a line for each task that is done, with None one now and then.
    """
    if progress is None and not _in_notebook() and not in_terminal():
        return _now_and_then(snapshots)
    return shown(snapshots, progress, lambda one: (one.budget, one.completions, describe(one)), "starting", _as_lines)


def shown(
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
    if _in_notebook():
        return _in_a_notebook(items, state, start)
    if in_terminal():
        return _in_a_terminal(items, state, start)
    return as_lines(items) if progress else items


def describe(snapshot: Snapshot) -> str:
    """The state in one line."""
    if snapshot.stopped is not None:
        return f"stopping ({snapshot.stopped}): {snapshot.completions} completions, finishing what is under way"
    left = "" if snapshot.time_left is None else f", about {clock(snapshot.time_left)} left"
    return (
        f"{snapshot.tasks_done}/{snapshot.tasks_total} tasks, {snapshot.solved_examples} solved on their examples, "
        f"{snapshot.completions}/{snapshot.budget} completions, {snapshot.programs_per_second:.1f} programs/s"
        f"{'' if snapshot.cost is None else f', {dollars(snapshot.cost)}'}{left}" + events_text(snapshot.events)
    )


def events_text(events: Mapping[str, int]) -> str:
    """What happened and how often: `; sandbox worker replaced: 2`."""
    return "".join(f"; {kind}: {count}" for kind, count in events.items())


def say(line: str) -> None:
    """Tell the user something while a search runs."""
    print(f"soar: {line}", file=sys.stderr, flush=True)


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


def _as_lines(snapshots: Iterator[Snapshot]) -> Iterator[Snapshot]:
    """A line whenever a task is done, and at least every `QUIET` seconds: tasks side by side can end together."""
    done, told = -1, 0.0
    for snapshot in snapshots:
        if snapshot.tasks_done != done or snapshot.seconds - told >= QUIET:
            print(describe(snapshot), file=sys.stderr, flush=True)
            done, told = snapshot.tasks_done, snapshot.seconds
        yield snapshot


def _now_and_then(snapshots: Iterator[Snapshot]) -> Iterator[Snapshot]:
    """A line every `QUIET` seconds, so that a log shows that the search goes on, and short ones say nothing."""
    told = 0.0
    for snapshot in snapshots:
        if snapshot.seconds - told >= QUIET:
            print(describe(snapshot), file=sys.stderr, flush=True)
            told = snapshot.seconds
        yield snapshot


def _in_notebook() -> bool:
    """Tell whether this runs in a Jupyter kernel."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return type(shell).__name__ == "ZMQInteractiveShell"


def clock(seconds: float) -> str:
    """Seconds as `1:02:03` or `2:03`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
