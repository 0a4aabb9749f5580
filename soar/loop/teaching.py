"""A teacher in the loop: which tasks an iteration searches, with how many completions, and which rows are drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soar.archive.reader import Archive
from soar.core.custom import MARK, Custom
from soar.core.seeding import keyed_rng
from soar.curriculum import Record, Teacher, draw_rows, make_teacher, read_record
from soar.evolution.budget import reward
from soar.evolution.config import SearchConfig
from soar.evolution.run_folder import RunFolder
from soar.evolution.teacher_budget import TeacherBudget, known_of, lot_of
from soar.loop.config import LoopConfig, LoopError, LoopFolder, Sets
from soar.loop.history import STATE
from soar.tasks.sets import TaskSet
from soar.tasks.task import Task, twins_of

if TYPE_CHECKING:
    from datasets import Dataset

    from soar.hindsight import HindsightReport

RECORD = "difficulty.json"  # in the loop's folder


class LoopBudget(TeacherBudget):
    """A teacher that goes on from what it knew before this search, with a difficulty record that is kept in a file.

    Args:
        teacher: a name.
        start: what `LoopTeacher.learn` wrote after the search before; None: nothing was before.
        record: of difficulty.json.
        targets: tasks that are to be solved in the end, for teachers that go by them.
    """

    def __init__(
        self, teacher: str, start: Mapping[str, Any] | None, record: Path, targets: Mapping[str, Task]
    ) -> None:
        super().__init__(teacher)
        self._start, self._path, self._targets = start, record, targets

    def begin(self, tasks: Mapping[str, Task], config: SearchConfig) -> None:
        """See `TeacherBudget.begin`."""
        ids = [task.id for task in tasks.values()]
        if self._path.exists():
            read_record(self._path, ids)
        self._lot = lot_of(config)
        self._ids = {hash: task.id for hash, task in tasks.items()}
        self._teacher, self._record = taught(str(self.teacher), tasks, config, self._start, self._targets)
        self._record.path = self._path
        self._record.write()

    def told(self, task: str, rewards: Sequence[float]) -> None:
        """See `TeacherBudget.told`."""
        super().told(task, rewards)
        self._record.update(self._ids[task], rewards)


def taught(
    name: str,
    tasks: Mapping[str, Task],
    config: SearchConfig,
    start: Mapping[str, Any] | None,
    targets: Mapping[str, Task],
) -> tuple[Teacher, Record]:
    """Return the teacher of tasks by content hash, and the difficulty record by their ids, as they were left.

    Raises:
        CurriculumError: the teacher needs more than there is.
    """
    ids = [task.id for task in tasks.values()]
    teacher = make_teacher(name, known_of(tasks, config, targets))
    record = Record.notes(ids) if name == "record-notes" else Record(ids)
    if start is not None:
        teacher.load_state_dict(start["teacher"])
        record.load_state_dict(start["record"])
    return teacher, record


@dataclass(frozen=True)
class LoopTeacher:
    """The teacher of a loop. What it knows between two searches is a function of what the archive holds.

    Attributes:
        name: of the teacher.
        training: tasks that are searched and learnt from; `targets`: those to solve in the end.
    """

    name: str
    config: LoopConfig
    folder: LoopFolder
    training: TaskSet
    targets: Mapping[str, Task]

    @classmethod
    def of(cls, config: LoopConfig, folder: LoopFolder, sets: Sets) -> LoopTeacher | None:
        """Return the teacher that a loop is told to have, if any.

        Raises:
            LoopError, CurriculumError: it needs more than there is.
        """
        if config.teacher is None:
            return None
        if config.teacher == "ttc" and sets.target is None:
            raise LoopError("teacher ttc takes the tasks nearest to the targets: pass target=... (--target)")
        made = cls(config.teacher, config, folder, sets.training, sets.target or {})
        taught(made.name, {one.content_hash: one for one in twins_of(made.training)[0]}, config, None, made.targets)
        return made

    def budget(self, number: int) -> Custom:
        """Return what divides the completions of an iteration's search, as an option of that."""
        budget = LoopBudget(self.name, self._after(number - 1), self.folder.path / RECORD, self.targets)
        return Custom(f"teacher:{self.name}{MARK}loop", budget)

    def learn(self, number: int) -> None:
        """Let the teacher know what an iteration's search has brought, in visits of a lot each; once."""
        place = self.folder.round(number)
        if (place / STATE).exists():
            return
        teacher, record = taught(self.name, self._tasks, self.config, self._after(number - 1), self.targets)
        lot, searched = lot_of(self.config), 0
        with Archive(self.folder.path) as archive:
            for hash, task in self._tasks.items():
                rewards = [reward(one) for one in archive.attempts(self.config.evaluator(task), number)]
                searched += bool(rewards)
                for start in range(0, len(rewards), lot):
                    teacher.update(hash, rewards[start : start + lot])
                    record.update(task.id, rewards[start : start + lot])
        record.path = self.folder.path / RECORD
        record.write()
        place.mkdir(parents=True, exist_ok=True)
        states = {"teacher": teacher.state_dict(), "record": record.state_dict()}
        RunFolder(place).write(STATE, {**states, "searched": searched, "states": record.counts()})

    def drawn(self, number: int, dataset: Dataset, report: HindsightReport) -> tuple[Dataset, HindsightReport]:
        """Return the rows that the teacher draws out of those that an iteration has made, and the report of these."""
        teacher, _ = taught(self.name, self._tasks, self.config, self._after(number), self.targets)
        hashes = {id: self.config.tolerant(task).content_hash for id, task in self.training.items()}
        owners = [hashes[id] for id in dataset["found_at"]]
        kept = dataset.select(draw_rows(teacher, keyed_rng(self.config.seed, number, "rows of the teacher"), owners))
        report.options["drawn"] = f"{len(kept)} of {len(dataset)} rows by teacher {self.name}"
        report.rows = Counter(kept["kind"])
        report.rows_per_task = dict(Counter(kept["task_id"]))
        return kept, report

    def _after(self, number: int) -> dict[str, Any] | None:
        """What was left after an iteration's search; None before the first."""
        return RunFolder(self.folder.round(number)).read(STATE) if number >= 0 else None

    @cached_property
    def _tasks(self) -> dict[str, Task]:
        """The tasks that are searched, by content hash, in the order of the search."""
        skipped = RunFolder(self.folder.path).skipped(0)
        tolerant = {id: self.config.tolerant(task) for id, task in self.training.items()}
        distinct = [task.without_test_outputs() for task in twins_of(tolerant)[0] if task.id not in skipped]
        return {task.content_hash: task for task in distinct}
