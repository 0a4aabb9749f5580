"""What a search cost and met, for one task and for many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Stats:
    """What a search for one task cost and met.

    Attributes:
        completions: replies; `parse_failures`: of them without a program; `programs`: distinct programs.
        errors, timeouts, other_failures: attempts whose first input without an output raised, ran too long, or ended in
            another way (memory, crash, no valid value).
        failures: the same by status: how many attempts ended like that first.
        unique_outputs: different answers to the test inputs, each one output per test input.
        eligible: attempts that may vote; `solving_examples`: of them with all examples right.
        broken_rules: how many attempts break each eligibility rule.
        tokens: written by the model; `prompt_tokens`: read, once per call (each completion is one where the model
            gives one at a time).
        run_seconds: CPU time of the programs.
        cost: US dollars; None where the model did not say.
    """

    completions: int
    parse_failures: int
    programs: int
    errors: int
    timeouts: int
    other_failures: int
    failures: dict[str, int]
    unique_outputs: int
    eligible: int
    solving_examples: int
    broken_rules: dict[str, int]
    tokens: int
    prompt_tokens: int
    run_seconds: float
    cost: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """How much a search solved. Shares are over the tasks whose test outputs are known; None where there are none.

    Attributes:
        tasks: all; `searched`: without the skipped ones; `graded`: with known test outputs, skipped ones included.
        mean_solved: mean over tasks of the share of test inputs that a prediction gets right (the paper's figures).
        outputs_solved: share of all test outputs that a prediction gets right (Kaggle's score).
        tasks_solved: number of tasks with every test input right.
        oracle: as `mean_solved`, were every attempt a prediction: what no vote can exceed.
        gap: `oracle` less `mean_solved`: what a better vote could win.
        examples_solved: number of tasks with an eligible program that solves all examples.
        set_aside: number of tasks whose predictions are of attempts that a rule set aside, for want of others.
        ended: number of tasks that were searched for less than their budget, by the option `stop_when_solved`.
        completions, parse_failures, programs, unique_outputs, tokens: in sum over the tasks, as in `Stats`; what tasks
            of equal content share is counted once, and so are failures, prompt tokens and cost.
        failures: attempts that failed to run, by status.
        prompt_tokens: read by the model, once per call.
        cost: US dollars, in sum over the tasks whose cost is known; None where none is.
    """

    tasks: int
    searched: int
    graded: int
    mean_solved: float | None
    outputs_solved: float | None
    tasks_solved: int
    oracle: float | None
    gap: float | None
    examples_solved: int
    ended: int
    set_aside: int
    completions: int
    parse_failures: int
    programs: int
    unique_outputs: int
    failures: dict[str, int]
    tokens: int
    prompt_tokens: int
    cost: float | None

    def __call__(self) -> Self:
        """Itself, so that `results.summary()` reads as `results.summary` does."""
        return self
