"""Candidates without what changes nothing at their task: what is learnt from them should not be bloat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from soar.hindsight.report import HindsightReport
from soar.hindsight.scan import Candidate
from soar.program import Program
from soar.records import task_inputs
from soar.sandbox import Sandbox
from soar.simplify import simplify
from soar.task import Task


def simplified(
    task: Task, candidates: Sequence[Candidate], sandbox: Sandbox, keep: str, report: HindsightReport
) -> list[Candidate]:
    """Return the candidates with shorter programs that give the same on all inputs of the task, best first.

    Of those that became the same program one stays. The report is told how many got shorter, and by how much.

    Args:
        keep: text that programs begin with and must go on to: what the prompt has written of the reply.
    """
    inputs = task_inputs(task)
    programs = simplify([(Program(one.source), inputs) for one in candidates], sandbox, keep)
    found: dict[str, Candidate] = {}
    for before, program in zip(candidates, programs, strict=True):
        report.simplified += program.source != before.source
        report.characters += len(before.source)
        report.characters_left += len(program.source)
        found.setdefault(program.hash, replace(before, source=program.source, program_hash=program.hash))
    return sorted(found.values(), key=lambda one: one.rank)
