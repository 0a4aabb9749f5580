"""Which attempts may vote, be refined and be learned from (SOAR, appendix F): computed once, used for all three.

A rule forbids nothing that the task itself does: where its outputs are blank, a right program's are too.

Tasks whose values are no grids have one rule only: every outcome must be "ok".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Literal, get_args

from soar.programs.program import Program
from soar.sandbox.outcome import Outcome
from soar.tasks.task import Task
from soar.tasks.values import Value, canonical_json, is_grid, matches

Rule = Literal["invalid-output", "hard-coded", "long-line", "blank-output", "pass-through"]
RULES: tuple[Rule, ...] = get_args(Rule)

LONGEST_LINE = 200  # characters
COPIED_SHARE = 0.3  # of the examples
TINY = 9  # cells: a 3x3 literal may be two directions, a structuring element or a chosen colour


def broken_rules(
    task: Task,
    program: Program,
    train: Sequence[Outcome],
    test: Sequence[Outcome],
    rules: Collection[Rule] = RULES,
    grids: bool | None = None,
) -> tuple[Rule, ...]:
    """Return those of `rules` that an attempt breaks, in the order of `RULES`; empty when it is eligible.

    Args:
        task: its test outputs are not read.
        program: the attempt's program.
        train: what it did on each example's input, in order.
        test: what it did on each test input, in order.
        rules: the rules that count.
        grids: whether this is a task of grids; None: look.
    """
    if grids is None:
        grids = task.without_test_outputs().is_grid
    if not grids:
        failed = any(outcome.status != "ok" for outcome in (*train, *test))
        return ("invalid-output",) if failed and "invalid-output" in rules else ()
    return tuple(rule for rule in RULES if rule in rules and _GRID_RULES[rule](task, program, train, test))


def invalid_output(task: Task, program: Program, train: Sequence[Outcome], test: Sequence[Outcome]) -> bool:
    """Whether any output is missing or not a grid of 1-30 by 1-30 cells 0-9."""
    return not all(outcome.status == "ok" and is_grid(outcome.value) for outcome in (*train, *test))


def hard_coded(task: Task, program: Program, train: Sequence[Outcome], test: Sequence[Outcome]) -> bool:
    """Whether one of the program's own outputs stands as a literal in its source, as list or tuple, however spaced.

    Literals of up to 9 cells prove nothing, and neither do outputs that the task itself gives for several inputs: it
    asks for a choice among them.
    """
    source = re.sub(r"\s", "", program.source).translate(_AS_LISTS).replace(",]", "]")
    counts = Counter(canonical_json(example.output) for example in task.train)
    texts = {canonical_json(one.value) for one in (*train, *test) if one.status == "ok" and not _is_tiny(one.value)}
    return any(text in source and counts[text] < 2 for text in texts)


def _is_tiny(value: Value) -> bool:
    return is_grid(value) and len(value) * len(value[0]) <= TINY


def long_line(task: Task, program: Program, train: Sequence[Outcome], test: Sequence[Outcome]) -> bool:
    """Whether a line of the source has more than 200 characters."""
    return any(len(line) > LONGEST_LINE for line in program.source.splitlines())


def blank_output(task: Task, program: Program, train: Sequence[Outcome], test: Sequence[Outcome]) -> bool:
    """Whether the outputs on the test inputs are all background, in a task whose examples have no such output."""
    if any(map(_is_blank, (example.output for example in task.train))):
        return False
    grids = [outcome.value for outcome in test if outcome.status == "ok" and is_grid(outcome.value)]
    return bool(grids) and all(map(_is_blank, grids))


def _is_blank(value: Value) -> bool:
    return is_grid(value) and not any(map(any, value))


def pass_through(task: Task, program: Program, train: Sequence[Outcome], test: Sequence[Outcome]) -> bool:
    """Whether it returns its input on more than 30% of the examples, in a task that does not do so itself."""
    pairs = zip(task.train, train, strict=True)
    copied = sum(outcome.status == "ok" and matches(outcome.value, example.input) for example, outcome in pairs)
    if copied <= COPIED_SHARE * len(task.train):
        return False
    copied_by_task = sum(matches(example.output, example.input) for example in task.train)
    return copied_by_task <= COPIED_SHARE * len(task.train)


_AS_LISTS = str.maketrans("()", "[]")
_GridRule = Callable[[Task, Program, Sequence[Outcome], Sequence[Outcome]], bool]
_GRID_RULES: dict[Rule, _GridRule] = {
    "invalid-output": invalid_output,
    "hard-coded": hard_coded,
    "long-line": long_line,
    "blank-output": blank_output,
    "pass-through": pass_through,
}
