"""Programs without what changes nothing: steps, constants and set-up lines taken out, checked by running.

At high temperatures many right programs carry steps that do nothing (`x = pick(grid, 1)` where that is the grid). What
a model learns from such programs is to write them. Among programs that do the same the shorter one is the better
explanation, and the better lesson.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Protocol

from soar.programs import reductions
from soar.programs.parsing.replies import ENTRY_POINT
from soar.programs.program import Program
from soar.sandbox.encoding import Value, encode
from soar.sandbox.outcome import Outcome

# Runs in the sandbox: one process tries all that is shorter, again and again; what comes out is checked in another one.
_DRIVER = """
import copy, sys, time

SECONDS = 0.8  # of CPU time, for all tries; then what is found so far is the answer
LINES = 50_000  # a program with a loop that does not end


def _plain(value):
    if hasattr(value, "tolist"):
        return value.tolist()
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def _limited(frame, event, argument, left=[0]):
    if frame is None:
        left[0] = LINES
    left[0] -= 1
    if left[0] < 0:
        raise TimeoutError
    return _limited


def _outputs(source, entry_point, inputs):
    scope = {"__name__": "program"}
    if "while" in source:
        _limited(None, "", None)
        sys.settrace(_limited)
    try:
        exec(compile(source, "<program>", "exec"), scope)
        return [_plain(scope[entry_point](copy.deepcopy(one))) for one in inputs]
    except Exception:
        return None
    finally:
        sys.settrace(None)


def shortest(job):
    source, keep, entry_point, inputs = job
    wanted = _outputs(source, entry_point, inputs)
    going = wanted is not None
    while going:
        going = False
        for shorter in reductions(source, keep):
            if time.process_time() > SECONDS:
                return source
            outputs = _outputs(shorter, entry_point, inputs)
            if outputs is not None and repr(outputs) == repr(wanted):
                source, going = shorter, True
                break
    return source
"""


class Runner(Protocol):
    """Runs programs; `soar.sandbox.Sandbox` does."""

    def run(self, programs: Sequence[tuple[str, Sequence[Value]]], entry_point: str) -> list[list[Outcome]]:
        """Return what each program did on its inputs, in order."""
        ...


def simplify(
    programs: Sequence[tuple[Program, Sequence[Value]]], sandbox: Runner, keep: str = "", entry_point: str = ENTRY_POINT
) -> list[Program]:
    """Return each program without what changes nothing on its inputs: never longer, with equal outputs on all of them.

    A program that fails on an input, or for which nothing shorter does the same, comes back as it is. Layout, comments
    and docstrings stay; so does all that a shorter program cannot do without. The result is one step from which no
    single reduction (`soar.programs.reductions`) leads further, unless that took more than 0.8 seconds of CPU time.

    Args:
        programs: each with the inputs on which it must stay the same.
        sandbox: runs them; hostile programs are its matter, here as anywhere.
        keep: a program that begins with this text goes on doing so.
        entry_point: the function that is called.
    """
    driver = inspect.getsource(reductions) + _DRIVER
    jobs: list[tuple[str, Sequence[Value]]] = []
    for program, inputs in programs:
        kept = len(keep) if program.source.startswith(keep) else 0
        jobs.append((driver, [[program.source, kept, entry_point, list(inputs)]]))
    proposed = [
        outcome.value if outcome.status == "ok" and isinstance(outcome.value, str) else program.source
        for (program, _), (outcome,) in zip(programs, sandbox.run(jobs, "shortest"), strict=True)
    ]
    # A hostile program may have answered in place of the driver: what it says counts only if it holds.
    changed = [i for i, (program, _) in enumerate(programs) if len(proposed[i]) < len(program.source)]
    both = [(source, programs[i][1]) for i in changed for source in (programs[i][0].source, proposed[i])]
    outcomes = sandbox.run(both, entry_point)
    simplified = [program for program, _ in programs]
    for place, i in enumerate(changed):
        if _answers(outcomes[2 * place]) == _answers(outcomes[2 * place + 1]):
            simplified[i] = Program(proposed[i])
    return simplified


def _answers(outcomes: Sequence[Outcome]) -> list[bytes | None]:
    return [encode(one.value) if one.status == "ok" else None for one in outcomes]
