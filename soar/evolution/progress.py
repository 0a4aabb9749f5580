"""How far a search is: counted by the engine, read by whoever watches."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from soar.evolution.snapshot import Snapshot
from soar.evolution.stopping import Stopper
from soar.programs.program import Attempt


@dataclass(slots=True)
class Progress:
    """Counts what happens; written in the engine's thread only."""

    tasks_total: int
    budget: int
    skipped: Mapping[str, str]
    dropped: Mapping[str, int] = field(default_factory=dict)
    twins: Mapping[str, Sequence[str]] = field(default_factory=dict)  # ids that are searched under the first
    stopper: Stopper | None = None
    stopped: str | None = None
    started: float = field(default_factory=time.monotonic)
    tasks_done: int = 0
    unused: int = 0  # of the budget, by tasks that are done; below 0 while others owe what these got (adaptive)
    completions: int = 0
    programs: int = 0
    tokens: int = 0
    new_completions: int = 0
    new_programs: int = 0
    new_tokens: int = 0
    solved: set[str] = field(default_factory=set)
    cost: float | None = None
    events: dict[str, int] = field(default_factory=dict)  # written by one thread at a time, whichever
    current: dict[str, int] = field(default_factory=dict)  # task id -> completions at hand

    def begin(self, task_id: str) -> None:
        """Take note that a task is under way, in its first round or a later one."""
        self.current[task_id] = 0

    def add(self, task_id: str, attempts: Sequence[Attempt], new: bool) -> None:
        """Take note of attempts at a task under way, just made or (not `new`) found in the archive."""
        programs = sum(attempt.program is not None for attempt in attempts)
        self.completions += len(attempts)
        self.programs += programs
        tokens = sum(attempt.tokens for attempt in attempts)
        self.tokens += tokens
        self.current[task_id] += len(attempts)
        if any(attempt.solves_examples and attempt.eligible for attempt in attempts):
            self.solved |= {task_id, *self.twins.get(task_id, ())}
        if new:
            self.new_completions += len(attempts)
            self.new_programs += programs
            self.new_tokens += tokens

    def spend(self, cost: float | None) -> None:
        """Take note of what a request has cost, in US dollars; None where that is unknown."""
        if cost is not None:
            self.cost = (self.cost or 0.0) + cost

    def leave(self, task_id: str) -> int:
        """Take note that a round of a task has ended, or was left; return its completions in this round."""
        return self.current.pop(task_id)

    def end(self, task_id: str, unused: int = 0) -> None:
        """Take note that a task is done, its twins with it, and that so much of the budget is not to come."""
        self.tasks_done += 1 + len(self.twins.get(task_id, ()))
        self.unused += unused

    def stop(self) -> bool:
        """Ask the stopper, if it has not stopped the search yet, and return whether it has."""
        if self.stopped is None and self.stopper is not None:
            self.stopped = self.stopper.reason(self.snapshot())
        return self.stopped is not None

    def snapshot(self) -> Snapshot:
        """Return the state now."""
        seconds = time.monotonic() - self.started
        budget = max(self.budget - max(self.unused, 0), self.completions)  # some that end later had more than a share
        left = budget - self.completions
        return Snapshot(
            tasks_done=self.tasks_done,
            tasks_total=self.tasks_total,
            solved_examples=len(self.solved),
            completions=self.completions,
            budget=budget,
            programs=self.programs,
            parse_failures=self.completions - self.programs,
            tokens=self.tokens,
            seconds=seconds,
            programs_per_second=self.new_programs / seconds if seconds else 0.0,
            tokens_per_second=self.new_tokens / seconds if seconds else 0.0,
            current=tuple(self.current.copy()),
            time_left=seconds * left / self.new_completions if self.new_completions else None,
            skipped=self.skipped,
            dropped=self.dropped,
            events=self.events.copy(),
            cost=self.cost,
            stopped=self.stopped,
        )
