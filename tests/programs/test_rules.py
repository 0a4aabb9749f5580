from __future__ import annotations

import ast

import pytest

from soar.programs.program import Program
from soar.programs.rules import RULES, Rule, broken_rules
from soar.sandbox.outcome import Outcome
from soar.tasks.sets import ARC_SETS, load_tasks
from soar.tasks.task import Example, Task
from soar.tasks.values import Value, canonical_json

TASK = Task("t", (Example([[1, 2]], [[2, 1]]), Example([[3, 4]], [[4, 3]])), (Example([[5, 6]], [[6, 5]]),))
WIDE = [[1, 2, 3, 4, 5], [6, 7, 8, 9, 0]]  # 10 cells: a literal of it is no accident
SIZES = dict(zip(ARC_SETS, (400, 400, 1000, 120), strict=True))  # all 1,920
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
    "literal",
    [
        "[[1,2,3,4,5],[6,7,8,9,0]]",
        "[[1, 2, 3, 4, 5], [6, 7, 8, 9, 0]]",
        "[ [1,2,3,4,5],\n [6,7,\n8,9,0] ]",
        "((1, 2, 3, 4, 5), (6, 7, 8, 9, 0))",
        "np.array([[1, 2, 3, 4, 5], [6, 7, 8, 9, 0]])",
        "[(1, 2, 3, 4, 5), (6, 7, 8, 9, 0,)]",
    ],
)
def test_an_output_in_the_source_is_hard_coded(literal: str) -> None:
    assert broken(f"def transform(grid):\n    return {literal}\n", test=ok(WIDE)) == ("hard-coded",)
    assert broken(f"def transform(grid):\n    return {literal.replace('6', '7')}\n", test=ok(WIDE)) == ()


@pytest.mark.parametrize("literal", ["[[1]]", "[(0, 1), (1, 0)]", "[[0, 1, 0], [1, 1, 1], [0, 1, 0]]"])
def test_a_tiny_literal_proves_nothing(literal: str) -> None:
    value = [list(row) for row in ast.literal_eval(literal)]
    assert broken(f"CROSS = {literal}\n{SOURCE}", test=ok(value)) == ()


def test_a_task_that_chooses_among_outputs_may_be_answered_with_literals() -> None:
    other = [row[::-1] for row in WIDE]
    task = Task("c", tuple(Example([[i]], other if i else WIDE) for i in (0, 1, 1, 0)), (Example([[1]]),))
    source = f"def transform(grid):\n    return {WIDE} if grid[0][0] == 0 else {other}\n"
    assert broken(source, ok(WIDE, other, other, WIDE), ok(other), task) == ()
    once = Task("o", task.train[:2], task.test)
    assert broken(source, ok(WIDE, other), ok(other), once) == ("hard-coded",)


@pytest.mark.parametrize("arc_set", ARC_SETS)
def test_a_right_program_of_every_task_could_vote(arc_set: str) -> None:
    """Whatever the task: with its own outputs no rule is broken, nor by literals where it chooses among them."""
    tasks = load_tasks(arc_set)
    assert len(tasks) == SIZES[arc_set]
    for task in tasks.values():
        train, test = (ok(*(example.output for example in part)) for part in (task.train, task.test))
        assert broken(SOURCE, train, test, task) == (), task.id
        known = {canonical_json(example.output) for example in task.train}
        if known.issuperset(canonical_json(example.output) for example in task.test):
            assert broken(f"CHOICES = [{', '.join(sorted(known))}]\n{SOURCE}", train, test, task) == (), task.id


def test_a_line_of_200_characters_is_the_longest() -> None:
    assert broken(SOURCE + "#" * 200) == ()
    assert broken(SOURCE + "#" * 201) == ("long-line",)


def test_blank_means_every_cell_of_every_test_output() -> None:
    assert broken(test=ok([[0, 0]])) == ("blank-output",)
    assert broken(test=ok([[0, 1]])) == ()


def test_blank_is_fine_where_an_output_of_the_task_is() -> None:
    task = Task("b", (*TASK.train, Example([[7, 8]], [[0, 0]])), TASK.test)
    assert broken(train=ok([[2, 1]], [[4, 3]], [[0, 0]]), test=ok([[0, 0]]), task=task) == ()


def test_passing_through_is_fine_where_the_task_does_so() -> None:
    assert broken(train=ok([[1, 2]], [[4, 3]])) == ("pass-through",)
    assert broken(train=ok([[1, 2]], [[3, 4]]), task=SAME) == ()


@pytest.mark.parametrize("off", RULES)
def test_each_rule_can_be_switched_off(off: Rule) -> None:
    source = "def transform(grid):\n    return [[0,0,0,0,0,0,0,0,0,0]]  " + "#" * 200
    arguments = (TASK, Program(source), (*ok([[1, 2]]), Outcome("error")), ok([[0] * 10]))
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
