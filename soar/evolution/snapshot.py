"""The state of a search at one moment: what stoppers and whoever watches go by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soar.evolution.results import SearchResults


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of a search at one moment.

    Attributes:
        tasks_done, tasks_total: tasks searched to the end, and tasks to search; skipped ones are in neither. Tasks of
            equal content are searched together, and each counts.
        solved_examples: tasks with at least one eligible program that solves all examples.
        completions: at hand, those of an earlier start included; `budget`: at most, less what early stop saves.
        programs: completions with a program; `parse_failures`: completions without.
        tokens: written by the model, those of an earlier start included.
        cost: US dollars, those of an earlier start included; None where the model does not say.
        seconds: since this start.
        programs_per_second: new programs (repeated ones included) since this start; `tokens_per_second`: new tokens.
        current: ids of the tasks under way.
        time_left: seconds, None while unknown.
        skipped: id and reason of tasks that are not searched.
        dropped: id and number of the examples that a task's prompt leaves out, for want of room.
        events: how often what happened since this start: a lost sandbox worker replaced, a model's process restarted,
            an earlier search resumed, a budget raised.
        stopped: why a stopper has stopped the search; None while it goes on.
        results: the results, in the last snapshot only.
    """

    tasks_done: int
    tasks_total: int
    solved_examples: int
    completions: int
    budget: int
    programs: int
    parse_failures: int
    tokens: int
    seconds: float
    programs_per_second: float
    tokens_per_second: float
    current: tuple[str, ...]
    time_left: float | None
    skipped: Mapping[str, str]
    dropped: Mapping[str, int]
    events: Mapping[str, int]
    cost: float | None = None
    stopped: str | None = None
    results: SearchResults | None = None
