"""What a type checker takes and refuses of options; never run. `make lint` fails where a refusal is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import soar
from soar.models.base import Prompt

TASK = soar.Task("t", (), ())


class Mine:
    """An operator."""

    name = "mine"

    def parents(self, pool: Sequence[Any], rng: Any) -> tuple[Any, ...]:
        """Return none."""
        return ()

    def on_request(self, keys: Sequence[str], n: int) -> None:
        """Take no note."""

    def prompt(self, prompts: Any, task: soar.Task, parents: Any, example: Any = None) -> Prompt:
        """Return the usual one."""
        return prompts.render(task)  # type: ignore[no-any-return]

    def assemble(self, prompts: Any, reply: str, prompt: Prompt, parents: Any) -> str:
        """Return the reply."""
        return reply


def calls() -> None:
    """Take the first of each kind, refuse the others."""
    soar.search(TASK, samples=3, selector="best", operators=["refine", Mine()])
    soar.search(TASK, sampels=3)  # type: ignore[call-overload]
    soar.search(TASK, samples="3")  # type: ignore[call-overload]
    soar.search(TASK, selector="rexx")  # type: ignore[call-overload]
    soar.search(TASK, operators=object())  # type: ignore[call-overload]
    soar.iterate([TASK], iterations=2, islands=1, hindsight={"per_task": 3})
    soar.iterate([TASK], iteratons=2)  # type: ignore[call-arg]
    soar.iterate([TASK], islands="1")  # type: ignore[arg-type]
