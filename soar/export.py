"""Attempts as a table: a row per completion, in a Parquet file or a `datasets.Dataset`, an archive read row by row."""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soar.archive import Archive
from soar.eligibility import RULES, Rule
from soar.errors import SoarError
from soar.program import Attempt
from soar.sandbox.outcome import Outcome
from soar.task import Task, canonical_json, twins_of

if TYPE_CHECKING:
    from datasets import Dataset

ROWS_AT_ONCE = 5000  # rows in memory, and in a row group of the file


class ExportError(SoarError):
    """A package that exports need is missing; the message names what installs it."""


def attempt_rows(
    archive: Archive, tasks: Iterable[Task], iteration: int | None = None, rules: Collection[Rule] = RULES
) -> Iterator[dict[str, Any]]:
    """Yield a row per completion, task by task, each task's in the order of their keys.

    Values are given as canonical JSON, because the outputs of different tasks have different types. Whether a test
    output is right is not among them. Columns: those of `Attempt` by their names, with the program as `source` and
    `program_hash`, and for examples and tests each a list of statuses and a list of outputs (None where there is none).
    Tasks of equal content share their completions: the rows have the id of the first, and those of the others as
    `twins`.
    """
    distinct, twins = twins_of({task.id: task for task in tasks})
    for task in distinct:
        for attempt in archive.attempts(task, iteration, rules):
            yield _row(attempt) | {"twins": twins.get(task.id, [])}


def to_parquet(
    path: str | Path,
    archive: Archive,
    tasks: Iterable[Task],
    iteration: int | None = None,
    rules: Collection[Rule] = RULES,
) -> int:
    """Write `attempt_rows` to a Parquet file, which is there whole or not at all, and return their number.

    Raises:
        ExportError: pyarrow is not installed.
    """
    _need("pyarrow")
    import pyarrow as pa
    import pyarrow.parquet as pq

    draft = Path(f"{path}.new")
    rows = attempt_rows(archive, tasks, iteration, rules)
    count = 0
    with pq.ParquetWriter(draft, _schema(), compression="zstd") as writer:
        while part := list(itertools.islice(rows, ROWS_AT_ONCE)):
            writer.write_table(pa.Table.from_pylist(part, schema=_schema()))
            count += len(part)
    draft.replace(path)
    return count


def to_dataset(
    folder: str | Path,
    archive: Archive,
    tasks: Iterable[Task],
    iteration: int | None = None,
    rules: Collection[Rule] = RULES,
) -> Dataset:
    """Return `attempt_rows` as a dataset that lies on disk, in `folder`, not in memory.

    Raises:
        ExportError: datasets is not installed.
    """
    _need("datasets")
    from datasets import Dataset

    file = Path(folder) / "attempts.parquet"
    to_parquet(file, archive, tasks, iteration, rules)
    return Dataset.from_parquet(str(file), cache_dir=str(Path(folder) / "dataset"))


def _row(attempt: Attempt) -> dict[str, Any]:
    program = attempt.program
    return {
        "key": attempt.key,
        "task_id": attempt.task_id,
        "task_hash": attempt.task_hash,
        "iteration": attempt.iteration,
        "phase": attempt.phase,
        "island": attempt.island,
        "parents": list(attempt.parents),
        "model": attempt.model,
        "adapter": attempt.adapter,
        "tokens": attempt.tokens,
        "logprob": attempt.logprob,
        "source": program.source if program else None,
        "program_hash": program.hash if program else None,
        "train_accuracy": attempt.train_accuracy,
        "pixel_accuracy": attempt.pixel_accuracy,
        "solved": list(attempt.solved),
        "eligible": attempt.eligible,
        "broken_rules": list(attempt.broken_rules),
        "train_statuses": [outcome.status for outcome in attempt.train],
        "train_outputs": [_json(outcome) for outcome in attempt.train],
        "test_statuses": [outcome.status for outcome in attempt.test],
        "test_outputs": [_json(outcome) for outcome in attempt.test],
    }


def _json(outcome: Outcome) -> str | None:
    return canonical_json(outcome.value) if outcome.status == "ok" else None


def _schema() -> Any:
    import pyarrow as pa

    kinds = {
        pa.string(): ["key", "task_id", "task_hash", "phase", "model", "adapter", "source", "program_hash"],
        pa.int64(): ["iteration", "island", "tokens"],
        pa.float64(): ["logprob", "train_accuracy", "pixel_accuracy"],
        pa.bool_(): ["eligible"],
        pa.list_(pa.bool_()): ["solved"],
        pa.list_(pa.string()): [
            "twins",
            "parents",
            "broken_rules",
            "train_statuses",
            "train_outputs",
            "test_statuses",
            "test_outputs",
        ],
    }
    return pa.schema([(name, kind) for kind, names in kinds.items() for name in names])


def _need(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise ExportError(f"this export needs {package}: pip install 'soar-search[train]'")
