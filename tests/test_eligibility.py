from __future__ import annotations

import pytest

from soar.eligibility import RULES, Rule, broken_rules
from soar.program import Program
from soar.sandbox.outcome import Outcome
from soar.task import Example, Task, Value

TASK = Task("t", (Example([[1, 2]], [[2, 1]]), Example([[3, 4]], [[4, 3]])), (Example([[5, 6]], [[6, 5]]),))
SAME = Task("s", (Example([[1, 2]], [[1, 2]]), Example([[3, 4]], [[3, 4]])), (Example([[5, 6]]),))
WORDS = Task("w", (Example("ab", "ba"),), (Example("cd"),))
SOURCE = "def transform(grid):\n    return [row[::-1] for row in grid]\n"


def ok(*values: Value) -> tuple[Outcome, ...]:
    return tuple(Outcome("ok", value) for value in values)


def broken(
    source: str = SOURCE,
    train: tuple[Outcome, ...] = ok([[2, 1]], [[4, 3]]),
    test: tuple[Outcome, ...] = ok([[6, 5]]),
    task: Task = TASK,
) -> tuple[Rule, ...]:
    return broken_rules(task, Program(source), train, test)


def test_an_honest_program_breaks_nothing_right_or_wrong() -> None:
    assert broken() == ()
    assert broken(train=ok([[0, 0]], [[7]])) == ()


@pytest.mark.parametrize(
    "value", [[], [[]], [[10]], [[-1]], [[1], [1, 2]], [[True]], [[1.0]], [[0] * 31], [[0]] * 31, "a", 3, None]
)
def test_what_is_no_grid_is_invalid(value: Value) -> None:
    assert broken(test=ok(value))[0] == "invalid-output"
    assert broken(train=ok([[2, 1]], value))[0] == "invalid-output"


def test_a_failed_run_is_invalid() -> None:
    assert broken(train=(Outcome("error"), Outcome("ok", [[4, 3]]))) == ("invalid-output",)
    assert broken(test=(Outcome("timeout"),)) == ("invalid-output",)


@pytest.mark.parametrize(
    "literal", ["[[6,5]]", "[[6, 5]]", "[ [6,\n5] ]", "((6, 5),)", "np.array([[6, 5]])", "[(6, 5,)]"]
)
def test_an_output_in_the_source_is_hard_coded(literal: str) -> None:
    assert broken(f"def transform(grid):\n    return {literal}\n") == ("hard-coded",)
    assert broken(f"def transform(grid):\n    return {literal.replace('6', '7')}\n") == ()


def test_a_line_of_200_characters_is_the_longest() -> None:
    assert broken(SOURCE + "#" * 200) == ()
    assert broken(SOURCE + "#" * 201) == ("long-line",)


def test_blank_means_every_cell_of_every_test_output() -> None:
    assert broken(test=ok([[0, 0]])) == ("blank-output",)
    assert broken(test=ok([[0, 1]])) == ()


def test_passing_through_is_fine_where_the_task_does_so() -> None:
    assert broken(train=ok([[1, 2]], [[4, 3]])) == ("pass-through",)
    assert broken(train=ok([[1, 2]], [[3, 4]]), task=SAME) == ()


@pytest.mark.parametrize("off", RULES)
def test_each_rule_can_be_switched_off(off: Rule) -> None:
    source = "def transform(grid):\n    return [[0]]  " + "#" * 200
    arguments = (TASK, Program(source), (*ok([[1, 2]]), Outcome("error")), ok([[0]]))
    assert broken_rules(*arguments) == RULES
    assert broken_rules(*arguments, rules=[rule for rule in RULES if rule != off]) == tuple(
        r for r in RULES if r != off
    )


def test_other_values_only_have_to_be_there() -> None:
    source = "def transform(value):\n    return 'dc'\n"
    assert broken(source, ok("ab"), ok("dc"), WORDS) == ()
    assert broken(source, ok("ab"), (Outcome("error"),), WORDS) == ("invalid-output",)
    assert broken_rules(WORDS, Program(source), ok("ab"), (Outcome("error"),), rules=()) == ()


def test_the_test_outputs_of_a_task_change_nothing() -> None:
    odd = Task("t", TASK.train, (Example([[5, 6]], "not a grid"),))
    assert broken(test=ok("x"), task=odd) == broken(test=ok("x"))
