"""A training's progress, shown where it runs: a bar in a terminal, a line that renews itself in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from soar.search.progress_bar import clock, in_notebook
from soar.training.adapter import Adapter

Event = dict[str, Any]


def describe(event: Event) -> str:
    """What has happened, in one line."""
    if "stage" in event:
        return str(event["stage"])
    if "adapter" in event:
        return f"adapter {event['adapter'].name} in {event['adapter'].path}"
    return (
        f"step {event['step']}/{event['steps']}, loss {event['loss']:.3f}, {event['tokens_per_second']:,.0f} tokens/s, "
        f"about {clock(event['left'])} left"
    )


def summary(adapter: Adapter) -> str:
    """What came out, in a few lines."""
    f = adapter.figures
    left_out = f", {f['rows_too_long']} longer than {f['window']} tokens left out" if f["rows_too_long"] else ""
    return (
        f"adapter {adapter.name} in {adapter.path}\n"
        f"{f['rows']} rows{left_out}; {f['steps']} steps, loss {f['first_loss']:.3f} → {f['last_loss']:.3f}\n"
        f"{f['tokens']:,} tokens in {clock(f['seconds'])}: {f['tokens_per_second']:,.0f} tokens/s in {f['precision']} "
        f"on {f['device']}, {f['peak_memory_mb']:,} MB of memory at most"
    )


def watched(events: Iterator[Event], progress: bool | None) -> Iterator[Event]:
    """Pass events on and show each; with None only in a terminal or a notebook, with False nowhere."""
    if progress is False:
        return events
    if in_notebook():
        return _in_a_notebook(events)
    if sys.stderr.isatty():
        return _in_a_terminal(events)
    return _as_lines(events) if progress else events


def _in_a_terminal(events: Iterator[Event]) -> Iterator[Event]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task("starting the training process", total=None)
        for event in events:
            bar.update(line, total=event.get("steps"), completed=event.get("step"), description=describe(event))
            yield event


def _in_a_notebook(events: Iterator[Event]) -> Iterator[Event]:
    from IPython.display import display

    handle = display({"text/plain": "starting the training process"}, raw=True, display_id=True)  # type: ignore[no-untyped-call]
    for event in events:
        handle.update({"text/plain": describe(event)}, raw=True)
        yield event


def _as_lines(events: Iterator[Event]) -> Iterator[Event]:
    shown = -1
    for event in events:
        tenth = 10 * event["step"] // event["steps"] if "step" in event else -1
        if tenth != shown or tenth == -1:
            print(f"soar: {describe(event)}", file=sys.stderr, flush=True)
        shown = tenth
        yield event
