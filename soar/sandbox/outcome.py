"""What a run of a program may use, and what it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from soar.sandbox.encoding import Value

Status = Literal["ok", "error", "timeout", "memory", "crash", "invalid", "skipped"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may use on each of its inputs.

    `seconds` is CPU time and time asleep; what the program does at import counts towards its first input. `memory_mb`
    is address space in MiB on top of what numpy, scipy and `soar.grids` take. `output_kb` bounds the encoded answer, in
    KiB."""

    seconds: float = 2.0
    memory_mb: int = 1024
    output_kb: int = 1024

    def __post_init__(self) -> None:
        for name in ("seconds", "memory_mb", "output_kb"):
            if not getattr(self, name) > 0:
                raise ValueError(f"limits: {name} must be positive, not {getattr(self, name)!r}")

    @property
    def wall_seconds(self) -> float:
        """The backstop for programs that get no core: so generous that a loaded machine does not stop honest ones."""
        return 10 * self.seconds + 1


@dataclass(frozen=True, slots=True)
class ProgramError:
    """An error of the program: its type's name, its message, and the line of the program's source where known."""

    type: str
    message: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run of a program on one input did.

    `status`: "ok" (then `value` holds the answer), "error" (an exception), "timeout", "memory", "crash" (the process
    ended, or wrote what is no answer), "invalid" (what it returned is not plain data, or too large), "skipped" (an
    earlier input ended the process). `seconds` is CPU time. `deterministic` says of the whole program whether a second
    run gave the same answers; None where there was none to compare with."""

    status: Status
    value: Value = None
    error: ProgramError | None = None
    seconds: float = 0.0
    deterministic: bool | None = None

    def describe(self) -> str:
        """The status, with the program's error where there is one: "error: ValueError: no rows, line 3"."""
        if self.error is None:
            return self.status
        line = "" if self.error.line is None else f", line {self.error.line}"
        return f"{self.status}: {self.error.type}: {self.error.message}{line}"
