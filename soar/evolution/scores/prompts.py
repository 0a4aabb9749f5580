"""What a model is shown of programs that score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from soar.evolution.scores.measure import Measure, cut
from soar.models.base import Message, Prompt

OTHERS = 6_000  # characters of the other programs together
FEEDBACK = 2_000
_EDIT = """Answer with one block or more of this form, and nothing else in them:

<<<<<<< SEARCH
lines of the program, exactly as they stand there, found only once
=======
the lines to put in their place
>>>>>>> REPLACE
"""
_REWRITE = "Answer with the whole program, changed, in one ```python block. "
_MARKS = "Change only what lies between EVOLVE-BLOCK-START and EVOLVE-BLOCK-END, where these marks are.\n"


def make_prompt(
    way: Literal["edit", "rewrite"],
    description: str,
    wanted: str,
    parent: tuple[str, Measure] | None,
    others: Sequence[tuple[str, Measure]] = (),
    failure: str = "",
) -> Prompt:
    """Return a prompt for a better program.

    Args:
        way: "edit": by SEARCH/REPLACE blocks; "rewrite": the whole program.
        description: of the task.
        wanted: which scores are good, and what a program defines.
        parent: the program to improve, and its measure; None: there is none yet.
        others: good programs, shown as far as there is room.
        failure: why the last reply about this parent was of no use; empty where it was not.
    """
    parts = [cut(description.strip(), 20_000), wanted]
    room = OTHERS
    for source, measure in others:
        if len(source) <= room:
            room -= len(source)
            parts.append(f"Another program, which scores {measure.score!r}:\n\n```python\n{source.strip()}\n```")
    if parent is not None:
        source, measure = parent
        parts.append(f"Improve this program, which scores {measure.score!r}:\n\n```python\n{source.strip()}\n```")
        if len(measure.metrics) > 1:
            parts.append("Its metrics: " + ", ".join(f"{name} {value!r}" for name, value in measure.metrics.items()))
        if measure.feedback:
            parts.append(f"What was said of it:\n{cut(measure.feedback, FEEDBACK)}")
    if failure:
        parts.append(f"An earlier answer was of no use: {cut(failure, 400)}.")
    parts.append((_EDIT if way == "edit" and parent is not None else _REWRITE) + _MARKS)
    message: Message = {"role": "user", "content": "\n\n".join(parts)}
    return Prompt((message,))
