"""A training's progress, shown where it runs: a bar in a terminal, a line that renews itself in a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from soar.core.progress import format_seconds, with_progress
from soar.core.terminal import notify
from soar.models.adapter import Adapter
from soar.training.verdict import lines, read

Event = dict[str, Any]
COUNTED = {  # what is counted of each kind of signal
    "rows": "rows", "pairs": "pairs", "groups": "replies", "golden": "golden solutions",
}  # fmt: skip


def describe(event: Event) -> str:
    """What has happened, in one line."""
    if "stage" in event:
        return str(event["stage"])
    if "adapter" in event:
        return f"adapter {event['adapter'].name} in {event['adapter'].path}"
    return (
        f"step {event['step']}/{event['steps']}, loss {event['loss']:.3f}, {event['tokens_per_second']:,.0f} tokens/s, "
        f"about {format_seconds(event['left'])} left"
    )


def summary(adapter: Adapter) -> str:
    """What came out, in a few lines."""
    f = adapter.figures
    left_out = f", {f['rows_too_long']} longer than {f['window']} tokens left out" if f["rows_too_long"] else ""
    speed = f"{f['tokens']:,} tokens in {format_seconds(f['seconds'])}: {f['tokens_per_second']:,.0f} tokens/s"
    checked = read(adapter)
    checks = "".join(f"\n{line}" for line in lines(checked)) if checked else ""
    count = f"{f['rows']} {COUNTED[f.get('consumes', 'rows')]}"
    return (
        f"adapter {adapter.name} in {adapter.path}\n"
        f"{count}{left_out}; {f['steps']} steps, loss {f['first_loss']:.3f} → {f['last_loss']:.3f}\n"
        f"{speed} in {f['precision']} "
        f"on {f['device']}, {f['peak_memory_mb']:,} MB of memory at most{checks}"
    )


def watched(events: Iterator[Event], progress: bool | None) -> Iterator[Event]:
    """Pass events on and show each; with None only in a terminal or a notebook, with False nowhere."""
    return with_progress(
        events, progress, lambda one: (one.get("steps"), one.get("step"), describe(one)),
        "starting the training process", _as_lines,
    )  # fmt: skip


def _as_lines(events: Iterator[Event]) -> Iterator[Event]:
    last = -1
    for event in events:
        tenth = 10 * event["step"] // event["steps"] if "step" in event else -1
        if tenth != last or tenth == -1:
            notify(describe(event))
        last = tenth
        yield event
