"""What a run of `soar.evolve` keeps: a line for each proposal when it comes, a line for each measure; append-only.

A proposal is written before its program runs, so that what a model was paid for is not asked for again. A line that a
kill has cut off is dropped when the run goes on.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from soar.core.errors import SoarError
from soar.core.files import write_whole
from soar.core.manifest import Manifest, May
from soar.evolution.scores.measure import Measure

FILE, CONFIG = "programs.jsonl", "evolve.json"


class RecordError(SoarError):
    """A run's folder cannot be used; the message names it."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A program to be measured, or a reply that holds none.

    Attributes:
        step: its number in the run, from 0.
        island: it belongs to; the first program, step 0, belongs to all.
        operator: what made it; "start" made the first.
        parents: steps of the programs it was made of.
        source: of the program; None where the reply holds none.
        failure: why not, or that it is empty.
        reply: of the model, where one was asked.
        tokens: written by the model.
        cost: of the reply in US dollars; None where unknown.
    """

    step: int
    island: int
    operator: str
    parents: tuple[int, ...] = ()
    source: str | None = None
    failure: str = ""
    reply: str | None = None
    tokens: int = 0
    cost: float | None = None


@dataclass(slots=True)
class Record:
    """Proposals and measures by step, on disk where a folder is given.

    Only one process at a time writes to a folder.

    Attributes:
        proposals, measures: by step.
        programs: proposals with a program; `tokens`, `cost`: of all replies, the cost in US dollars where known.
    """

    proposals: dict[int, Proposal] = field(default_factory=dict)
    measures: dict[int, Measure] = field(default_factory=dict)
    programs: int = 0
    tokens: int = 0
    cost: float | None = None
    _file: BinaryIO | None = None

    @classmethod
    def open(cls, folder: Path | None, claim: Mapping[str, Any], rules: Mapping[str, May]) -> Record:
        """Open the record of a folder, which is made if it is not there; None: nothing is kept.

        Args:
            claim: what the run is asked to be.
            rules: what of that may change, see `soar.core.manifest`.

        Raises:
            RecordError: the folder holds something else, another run, or is being written to.
        """
        record = cls()
        if folder is None:
            return record
        folder.mkdir(parents=True, exist_ok=True)
        record._file = (folder / FILE).open("ab+")
        try:
            record._begin(folder, claim, rules)
        except BaseException:
            record.close()
            raise
        return record

    def _begin(self, folder: Path, claim: Mapping[str, Any], rules: Mapping[str, May]) -> None:
        assert self._file is not None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RecordError(f"{folder}: another process writes to this run: wait for it, or use another") from None
        known = folder / CONFIG
        if known.exists():
            Manifest(folder, RecordError, rules).check(json.loads(known.read_text(encoding="utf-8")), claim)
        write_whole(known, json.dumps(claim, indent=1))
        self._file.seek(0)
        data = self._file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._file.truncate(len(whole))
        for number, line in enumerate(whole.splitlines(), 1):
            self._read(line, f"{folder / FILE}, line {number}")

    def _read(self, line: bytes, place: str) -> None:
        try:
            held = json.loads(line)
            if "verdict" in held:
                step = held.pop("step")
                self.measures[step] = Measure(**held)
            else:
                self._count(Proposal(**held | {"parents": tuple(held["parents"])}))
        except (ValueError, KeyError, TypeError) as error:
            raise RecordError(f"{place}: no line of a run: {error}") from None

    def propose(self, proposal: Proposal) -> None:
        """Keep a proposal."""
        self._count(proposal)
        self._write(asdict(proposal))

    def measured(self, step: int, measure: Measure) -> None:
        """Keep a measure."""
        self.measures[step] = measure
        self._write({"step": step, **asdict(measure)})

    def _count(self, proposal: Proposal) -> None:
        self.proposals[proposal.step] = proposal
        self.programs += proposal.source is not None
        self.tokens += proposal.tokens
        if proposal.cost is not None:
            self.cost = (self.cost or 0.0) + proposal.cost

    def _write(self, line: Mapping[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(line).encode() + b"\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
