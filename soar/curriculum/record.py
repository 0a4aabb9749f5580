"""The difficulty record: retire what is saturated, boost what is hard, expire what stays dry."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from soar.core.files import write_whole
from soar.curriculum.base import BaseTeacher, CurriculumError, mean, pick, same_tasks

State = Literal["new", "open", "hard", "saturated", "dry"]
SET_ASIDE = ("saturated", "dry")
FIELDS = {"mean": 0.0, "variance": 0.0, "visits": 0, "state": "new", "saturated_for": 0, "dry_for": 0}


class Record(BaseTeacher):
    """A running record of each task: mean above 0.8 at low variance for m visits retires it, mean below 0.05 boosts it.

    Source: notes on GRPO edit models, "curriculum learning" (retire, boost; see `notes`). Ours: a task that stays below
    `hard` for `dry` visits expires instead of being boosted for ever; a small share of the draws goes to what was set
    aside, and a task that shows another side is open again.

    The file is whole whenever it is read, holds a line per task, and another record of the same tasks goes on from it.

    Args:
        tasks: ids.
        path: of difficulty.json; None: no file. One that is there is gone on from.
        saturated: a group's mean above it, and `variance`: a group's variance up to it, count as saturated.
        patience: visits in a row, after which a saturated task is retired.
        hard: a group's mean below it counts as hard.
        boost: how many times as often as others a hard task is drawn.
        dry: visits in a row, after which a task that stayed hard expires; None: never.
        recheck: share of the draws that goes to retired and expired tasks.
        memory: weight of the past in mean and variance, at each visit.

    Raises:
        CurriculumError: the file is of other tasks, or no record.
    """

    name = "record"
    kept = ("entries",)

    def __init__(
        self,
        tasks: Iterable[str],
        path: str | Path | None = None,
        *,
        saturated: float = 0.8,
        variance: float = 0.1,
        patience: int = 3,
        hard: float = 0.05,
        boost: float = 4.0,
        dry: int | None = 4,
        recheck: float = 0.05,
        memory: float = 0.7,
    ) -> None:
        super().__init__(tasks)
        self.path = None if path is None else Path(path)
        self.saturated, self.variance, self.patience = saturated, variance, patience
        self.hard, self.boost, self.dry, self.recheck, self.memory = hard, boost, dry, recheck, memory
        self.starves = "" if recheck else "retired and expired tasks are not drawn again (recheck=0)"
        self.entries: dict[str, dict[str, Any]] = {task: dict(FIELDS) for task in self.tasks}
        if self.path is not None and self.path.exists():
            self.entries = read_record(self.path, self.tasks)
            self.visits = {task: entry["visits"] for task, entry in self.entries.items()}

    @classmethod
    def notes(cls, tasks: Iterable[str], path: str | Path | None = None) -> Record:
        """Return the record as the notes have it: nothing expires, what is retired is not seen again."""
        return cls(tasks, path, dry=None, recheck=0.0)

    def sample(self, rng: np.random.Generator) -> str:
        """See `Teacher.sample`."""
        aside = [task for task in self.tasks if self.entries[task]["state"] in SET_ASIDE]
        active = [task for task in self.tasks if self.entries[task]["state"] not in SET_ASIDE]
        if not active or (aside and rng.random() < self.recheck):
            return pick(rng, aside)
        return pick(rng, active, [self.boost if self.entries[task]["state"] == "hard" else 1.0 for task in active])

    def learn(self, task: str, rewards: Sequence[float]) -> None:
        """Update the task's entry, and write the file."""
        entry, middle = self.entries[task], mean(rewards)
        spread = mean([(reward - middle) ** 2 for reward in rewards])
        past = self.memory if entry["visits"] else 0.0
        entry["mean"] = past * entry["mean"] + (1 - past) * middle
        entry["variance"] = past * entry["variance"] + (1 - past) * spread
        entry["visits"] += 1
        easy = middle > self.saturated and spread <= self.variance
        entry["saturated_for"] = entry["saturated_for"] + 1 if easy else 0
        entry["dry_for"] = entry["dry_for"] + 1 if middle < self.hard else 0
        entry["state"] = self._state(entry)
        self.write()

    def load_state_dict(self, state: Any) -> None:
        """See `Teacher.load_state_dict`; the file follows."""
        super().load_state_dict(state)
        self.write()

    def write(self) -> None:
        """Write the file, if there is to be one."""
        if self.path is not None:
            lines = [f"{json.dumps(task)}: {json.dumps(entry)}" for task, entry in self.entries.items()]
            write_whole(self.path, "{\n" + ",\n".join(lines) + "\n}\n")

    def metrics(self) -> dict[str, float]:
        """Also the share of the tasks in each state."""
        counts = self.counts()
        return super().metrics() | {name: counts[name] / len(self.tasks) for name in ("hard", *SET_ASIDE)}

    def counts(self) -> dict[str, int]:
        """Return the number of tasks in each state."""
        states = [entry["state"] for entry in self.entries.values()]
        return {name: states.count(name) for name in get_args(State)}

    def _state(self, entry: dict[str, Any]) -> State:
        if entry["saturated_for"] >= self.patience:
            return "saturated"
        if self.dry is not None and entry["dry_for"] >= self.dry:
            return "dry"
        return "hard" if entry["dry_for"] else "open"


def read_record(path: str | Path, tasks: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the entries of a difficulty.json, by task, in the order of `tasks`.

    Raises:
        CurriculumError: it is no record, or one of other tasks.
    """
    tasks = tuple(tasks)
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict) or any(not isinstance(one, dict) or FIELDS.keys() - one for one in found.values()):
        raise CurriculumError(f"{path} is no difficulty record: give another path, or remove it")
    same_tasks(found, tasks, str(path))
    return {task: found[task] for task in tasks}
