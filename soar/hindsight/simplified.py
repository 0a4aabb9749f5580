"""Candidates without what changes nothing at their task: what is learnt from them should not be bloat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from soar.archive.records import task_inputs
from soar.hindsight.report import HindsightReport
from soar.hindsight.scan import Candidate
from soar.programs.program import Program
from soar.programs.simplify import simplify
from soar.sandbox import Sandbox
from soar.tasks.task import Task


def simplified(
    task: Task, candidates: Sequence[Candidate], sandbox: Sandbox, keep: str, report: HindsightReport
) -> list[Candidate]:
    """Return each candidate with a shorter program that gives the same on all inputs of the task, where there is one.

    The report is told how many got shorter, and by how much.

    Args:
        keep: text that programs begin with and must go on to: what the prompt has written of the reply.
    """
    inputs = task_inputs(task)
    programs = simplify([(Program(one.source), inputs) for one in candidates], sandbox, keep)
    for before, program in zip(candidates, programs, strict=True):
        report.simplified += program.source != before.source
        report.characters += len(before.source)
        report.characters_left += len(program.source)
    pairs = zip(candidates, programs, strict=True)
    return [replace(one, source=program.source, program_hash=program.hash) for one, program in pairs]


def distinct(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return one candidate of each program, best first."""
    found = {one.program_hash: one for one in reversed(candidates)}
    return sorted(found.values(), key=lambda one: one.rank)
