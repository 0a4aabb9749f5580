"""A search's progress, shown where it runs: a bar in a terminal, a line that renews itself in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

from soar.core.progress import format_seconds, with_progress
from soar.core.terminal import in_notebook, in_terminal
from soar.evolution.snapshot import Snapshot
from soar.models.openai.prices import dollars

QUIET = 15.0  # seconds


def watched(snapshots: Iterator[Snapshot], progress: bool | None) -> Iterator[Snapshot]:
    """Pass snapshots on and show each, with False nowhere.

    Without a terminal or a notebook: with True a line for each task that is done, with None one now and then.
    """
    if progress is None and not in_notebook() and not in_terminal():
        return _now_and_then(snapshots)
    return with_progress(
        snapshots, progress, lambda one: (one.budget, one.completions, describe(one)), "starting", _as_lines
    )


def describe(snapshot: Snapshot) -> str:
    """The state in one line."""
    if snapshot.stopped is not None:
        return f"stopping ({snapshot.stopped}): {snapshot.completions} completions, finishing what is under way"
    left = "" if snapshot.time_left is None else f", about {format_seconds(snapshot.time_left)} left"
    return (
        f"{snapshot.tasks_done}/{snapshot.tasks_total} tasks, {snapshot.solved_examples} solved on their examples, "
        f"{snapshot.completions}/{snapshot.budget} completions, {snapshot.programs_per_second:.1f} programs/s"
        f"{'' if snapshot.cost is None else f', {dollars(snapshot.cost)}'}{left}" + events_text(snapshot.events)
    )


def events_text(events: Mapping[str, int]) -> str:
    """What happened and how often: `; sandbox worker replaced: 2`."""
    return "".join(f"; {kind}: {count}" for kind, count in events.items())


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
