"""What runs programs: the sandbox here, or something of one's own, such as a service on another machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from soar.sandbox.encoding import Value
from soar.sandbox.outcome import Outcome


@runtime_checkable
class Executor(Protocol):
    """Runs programs; `soar.sandbox.Sandbox` is one. Whoever gives one of his own answers for what programs can do."""

    async def submit(self, source: str, inputs: Sequence[Value], entry_point: str) -> Sequence[Outcome]:
        """Return what a program does on each input.

        Args:
            source: of the program, which defines the entry point.
            inputs: values of JSON's kinds; each program must get its own copy.
            entry_point: name of the function that is called with an input.

        Raises:
            SandboxError: the machinery failed; that is no fault of the program.
        """
        ...
