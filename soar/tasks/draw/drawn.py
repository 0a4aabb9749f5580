"""What is drawn: a task, as far as pictures know it. Tasks draw themselves, so their type is not known here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from soar.tasks.values import Value


class Example(Protocol):
    """See `soar.tasks.task.Example`."""

    @property
    def input(self) -> Value:
        """Shown on the left."""
        ...

    @property
    def output(self) -> Value:
        """Shown on the right; None where it is unknown."""
        ...


class Task(Protocol):
    """See `soar.tasks.task.Task`."""

    @property
    def id(self) -> str:
        """The title."""
        ...

    @property
    def train(self) -> Sequence[Example]:
        """A row each."""
        ...

    @property
    def test(self) -> Sequence[Example]:
        """A row each, with answers."""
        ...

    def right(self, predicted: object, expected: object) -> bool:
        """Whether an answer gets a tick."""
        ...
