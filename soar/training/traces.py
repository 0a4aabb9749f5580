"""What a training by single tokens saw and did: lines of JSON that are only ever added to, see docs/training.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from soar.training.config import TrainingError

TRACES = "traces.jsonl"
Line = dict[str, Any]
Key = tuple[str, int, str]  # kind, step, task


class Traces:
    """The traces of a training, and those of an earlier one that it replays.

    Args:
        folder: of the training. A line that a kill has cut short is taken off.
        replayed: folder of a training whose lines stand in for sampling, where it was at the same place.

    Raises:
        TrainingError: the other folder has no traces.
    """

    def __init__(self, folder: Path, replayed: Path | None = None) -> None:
        self.file = folder / TRACES
        self.known = {_key(line): line for line in _whole_lines(self.file)}
        self.others: dict[Key, Line] = {}
        if replayed is not None:
            self.others = {_key(line): line for line in read_traces(replayed)}

    def find(self, kind: str, step: int, task: str) -> Line | None:
        """Return the line of a task at a step: our own, or the one that is replayed; None where there is none."""
        key = (kind, step, task)
        return self.known.get(key) or self.others.get(key)

    def add(self, line: Line) -> None:
        """Add a line, unless it is there: a resumed training comes by the same places again."""
        if _key(line) not in self.known:
            with self.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            self.known[_key(line)] = line

    def until(self, step: int) -> list[Line]:
        """Return our own lines up to a step, in order."""
        return [line for line in self.known.values() if line["step"] <= step]


def read_traces(folder: str | Path) -> list[Line]:
    """Return the lines of a training's traces.

    Raises:
        TrainingError: there are none.
    """
    file = Path(folder) / TRACES
    if not file.exists():
        raise TrainingError(f"{folder} holds no {TRACES}: give the folder of a training with method tokens")
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _key(line: Line) -> Key:
    return line["kind"], line["step"], line["task_hash"]


def _whole_lines(file: Path) -> list[Line]:
    text = file.read_bytes() if file.exists() else b""
    whole = text[: text.rfind(b"\n") + 1]
    if whole != text:
        with file.open("r+b") as cut:
            cut.truncate(len(whole))
    return [json.loads(line) for line in whole.splitlines()]
