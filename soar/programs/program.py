"""Programs, and attempts at a task: a program with where it came from and what it did."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal

from soar.sandbox.outcome import Outcome

Phase = Literal["sample", "refine"]


@dataclass(frozen=True, slots=True)
class Program:
    """Source text of a program, and nothing else. Two programs are equal when their texts are."""

    source: str

    @property
    def hash(self) -> str:
        """BLAKE2b of the source text, 32 hexadecimal digits."""
        return hashlib.blake2b(self.source.encode(), digest_size=16).hexdigest()

    def standalone(self) -> Program:
        """Return a program that does the same with numpy and scipy only: what it uses of `soar.grids` is inlined.

        Raises:
            soar.programs.inline.StandaloneError: it is no valid Python, or imports another part of `soar`.
        """
        from soar.programs.inline import standalone

        return Program(standalone(self.source))


@dataclass(frozen=True, slots=True)
class Attempt:
    """One completion at one task: its provenance, its program and what the program did.

    Attributes:
        key: unique within the task, the same whenever the search is repeated: "iteration/phase/island/step/index".
        task_id: the task's id.
        task_hash: the task's content hash.
        iteration: round of the loop, from 0.
        phase: "sample" or "refine".
        operator: name of what made its request: "sample", "refine", "crossover" or one of one's own.
        island: REx instance that asked for it; None when sampled.
        parents: keys of the attempts that were shown to the model; empty when sampled.
        model: name of the model; `adapter`: name of its adapter or None.
        program: None when the reply held no program.
        train: what the program did on each example's input, in order; empty without a program.
        test: what it did on each test input.
        train_accuracy: fraction of the examples solved exactly, h(p) in the paper.
        pixel_accuracy: mean over the examples of the share of cells that are right; 0.0 where values are no grids.
        solved: for each example whether it is solved exactly; empty without a program.
        fitness: what selectors go by, in [0, 1]: `train_accuracy`, where no scorer of one's own says otherwise.
        broken_rules: eligibility rules that it breaks (see `soar.programs.rules`); empty when eligible.
        tokens: length of the reply in tokens.
        token_ids, token_logprobs: of the reply's tokens, where the search kept them (`keep_tokens`).
        reply: as the model wrote it.
        finish_reason: "stop" (the model ended it) or "length" (it was cut).
        parse_error: why the reply holds no program; None where it holds one.
    """

    key: str
    task_id: str
    task_hash: str
    iteration: int
    phase: Phase
    island: int | None
    parents: tuple[str, ...]
    model: str
    adapter: str | None
    program: Program | None
    train: tuple[Outcome, ...]
    test: tuple[Outcome, ...]
    train_accuracy: float
    broken_rules: tuple[str, ...] = ()
    tokens: int = 0
    logprob: float | None = None
    solved: tuple[bool, ...] = ()
    pixel_accuracy: float = 0.0
    fitness: float = 0.0
    operator: str = ""
    token_ids: tuple[int, ...] | None = field(default=None, repr=False)
    token_logprobs: tuple[float, ...] | None = field(default=None, repr=False)
    reply: str = field(default="", repr=False)
    finish_reason: str = "stop"
    parse_error: str | None = None

    @property
    def failure(self) -> str | None:
        """What went wrong first, in one line: no program, or the first input without an output; None where nothing."""
        if self.program is None:
            return f"no program: {self.parse_error}"
        for name, outcomes in (("example", self.train), ("test", self.test)):
            for number, outcome in enumerate(outcomes, start=1):
                if outcome.status != "ok":
                    return f"{name} {number}: {outcome.describe()}"
        return None

    def _repr_html_(self) -> str:
        from soar.programs.drawing import values_to_html

        marks = [*(self.solved or (False,) * len(self.train)), *(None for _ in self.test)]
        names = [f"example {k}" for k in range(1, len(self.train) + 1)]
        names += [f"test {k}" for k in range(1, len(self.test) + 1)]
        outcomes = list(zip(names, (*self.train, *self.test), marks, strict=True))
        shown = [(name, one.value, right) for name, one, right in outcomes if one.status == "ok"]
        failed = [f"{name}: {one.describe()}" for name, one, _ in outcomes if one.status != "ok"]
        how = f"refined from {', '.join(self.parents)}" if self.parents else "sampled"
        rules = f"; not eligible: {', '.join(self.broken_rules)}" if self.broken_rules else ""
        said = f"{self.key}, {how}: {self.train_accuracy:.0%} of the examples right{rules}"
        source = self.program.source if self.program else f"no program: {self.parse_error}"
        return values_to_html(said, shown, failed, source)

    @property
    def solves_examples(self) -> bool:
        """Whether every example is solved exactly."""
        return self.train_accuracy == 1.0

    @property
    def eligible(self) -> bool:
        """Whether the attempt may vote and be learned from (SOAR, appendix F)."""
        return self.program is not None and not self.broken_rules

    @property
    def refinable(self) -> bool:
        """Whether it may be shown to the model again: eligible, and no example made it raise (SOAR, section 3.2)."""
        return self.eligible and all(outcome.status == "ok" for outcome in self.train)
