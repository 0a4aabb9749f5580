"""Attempts as a table: a row per completion, in a file or a `datasets.Dataset`, an archive read row by row."""

from __future__ import annotations

import csv
import importlib.util
import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from soar.archive.reader import Archive
from soar.archive.records import Evaluator
from soar.core.errors import SoarError
from soar.core.files import whole
from soar.core.hints import install
from soar.programs.program import Attempt
from soar.sandbox.outcome import Outcome
from soar.tasks.task import twins_of
from soar.tasks.values import canonical_json

if TYPE_CHECKING:
    from datasets import Dataset
    from pandas import DataFrame

ROWS_AT_ONCE = 5000  # rows in memory, and in a row group of the file
_TEXTS = """key task_id task_hash phase operator model adapter source program_hash reply finish_reason parse_error"""
_LISTS = """twins parents broken_rules train_statuses train_outputs train_errors
    test_statuses test_outputs test_errors"""
COLUMNS = {
    **dict.fromkeys(_TEXTS.split(), "text"),
    **dict.fromkeys(("iteration", "island", "tokens"), "int"),
    **dict.fromkeys(("logprob", "train_accuracy", "pixel_accuracy", "fitness"), "float"),
    "eligible": "bool",
    "token_ids": "list of int",
    "token_logprobs": "list of float",
    "solved": "list of bool",
    **dict.fromkeys(_LISTS.split(), "list of text"),
}  # column -> kind of its values


class ExportError(SoarError):
    """A package is missing, or a file is named wrongly; the message says what to do."""


def attempt_rows(
    archive: Archive, evaluators: Iterable[Evaluator], iteration: int | None = None
) -> Iterator[dict[str, Any]]:
    """Yield a row per completion, task by task, each task's in the order of their keys.

    Values are given as canonical JSON, because the outputs of different tasks have different types. Whether a test
    output is right is not among them. Columns: those of `Attempt` by their names, with the program as `source` and
    `program_hash`, and for examples and tests each a list of statuses, a list of outputs and one of errors (None where
    there is none).
    Tasks of equal content share their completions: the rows have the id of the first, and those of the others as
    `twins`.
    """
    by_id = {evaluator.task.id: evaluator for evaluator in evaluators}
    distinct, twins = twins_of({id: evaluator.task for id, evaluator in by_id.items()})
    for task in distinct:
        for attempt in archive.attempts(by_id[task.id], iteration):
            yield attempt_row(attempt) | {"twins": twins.get(task.id, [])}


def write_rows(
    path: str | Path,
    archive: Archive,
    evaluators: Iterable[Evaluator],
    iteration: int | None = None,
) -> int:
    """Write `attempt_rows` to a file of the kind that its suffix names, whole or not at all; return their number.

    .parquet; .jsonl (an object per line); .csv (a header, lists as JSON in their cells, nothing where there is none).

    Raises:
        ExportError: the suffix is another, or a package is missing.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".parquet":
        return to_parquet(path, archive, evaluators, iteration)
    if suffix not in WRITERS:
        raise ExportError(f"{path}: the suffix says what is written: .parquet, .csv or .jsonl, not {suffix or 'none'}")
    with whole(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        return WRITERS[suffix](file, attempt_rows(archive, evaluators, iteration))


def _write_jsonl(file: TextIO, rows: Iterator[dict[str, Any]]) -> int:
    count = 0
    for row in rows:
        file.write(json.dumps(row) + "\n")
        count += 1
    return count


def _write_csv(file: TextIO, rows: Iterator[dict[str, Any]]) -> int:
    writer = csv.DictWriter(file, COLUMNS)
    writer.writeheader()
    count = 0
    for row in rows:
        lists = {name: json.dumps(value) for name, value in row.items() if isinstance(value, list)}
        writer.writerow(row | lists)
        count += 1
    return count


WRITERS = {".jsonl": _write_jsonl, ".csv": _write_csv}


def to_parquet(
    path: str | Path,
    archive: Archive,
    evaluators: Iterable[Evaluator],
    iteration: int | None = None,
) -> int:
    """Write `attempt_rows` to a Parquet file, which is there whole or not at all, and return their number.

    Raises:
        ExportError: pyarrow is not installed, or the file's suffix is that of another kind of file.
    """
    if Path(path).suffix.lower() in WRITERS:
        raise ExportError(f"{path}: Parquet in a file of this name would mislead: name it .parquet")
    _need("pyarrow")
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = attempt_rows(archive, evaluators, iteration)
    count = 0
    with whole(path) as draft, pq.ParquetWriter(draft, _schema(), compression="zstd") as writer:
        while part := list(itertools.islice(rows, ROWS_AT_ONCE)):
            writer.write_table(pa.Table.from_pylist(part, schema=_schema()))
            count += len(part)
    return count


def to_dataset(
    folder: str | Path,
    archive: Archive,
    evaluators: Iterable[Evaluator],
    iteration: int | None = None,
) -> Dataset:
    """Return `attempt_rows` as a dataset that lies on disk, in `folder`, not in memory.

    Raises:
        ExportError: datasets is not installed.
    """
    _need("datasets")
    from datasets import Dataset

    file = Path(folder) / "attempts.parquet"
    to_parquet(file, archive, evaluators, iteration)
    return Dataset.from_parquet(str(file), cache_dir=str(Path(folder) / "dataset"))


def to_pandas(rows: Iterable[dict[str, Any]]) -> DataFrame:
    """Return rows as a pandas table. Raises ExportError where pandas is not installed."""
    _need("pandas")
    from pandas import DataFrame

    return DataFrame(list(rows))


def attempt_row(attempt: Attempt) -> dict[str, Any]:
    """Return an attempt as a row of `attempt_rows`, without `twins`."""
    program = attempt.program
    return {
        "key": attempt.key,
        "task_id": attempt.task_id,
        "task_hash": attempt.task_hash,
        "iteration": attempt.iteration,
        "phase": attempt.phase,
        "operator": attempt.operator,
        "island": attempt.island,
        "parents": list(attempt.parents),
        "model": attempt.model,
        "adapter": attempt.adapter,
        "tokens": attempt.tokens,
        "logprob": attempt.logprob,
        "token_ids": None if attempt.token_ids is None else list(attempt.token_ids),
        "token_logprobs": None if attempt.token_logprobs is None else list(attempt.token_logprobs),
        "reply": attempt.reply,
        "finish_reason": attempt.finish_reason,
        "parse_error": attempt.parse_error,
        "source": program.source if program else None,
        "program_hash": program.hash if program else None,
        "train_accuracy": attempt.train_accuracy,
        "pixel_accuracy": attempt.pixel_accuracy,
        "fitness": attempt.fitness,
        "solved": list(attempt.solved),
        "eligible": attempt.eligible,
        "broken_rules": list(attempt.broken_rules),
        "train_statuses": [outcome.status for outcome in attempt.train],
        "train_outputs": [_json(outcome) for outcome in attempt.train],
        "train_errors": [_error(outcome) for outcome in attempt.train],
        "test_statuses": [outcome.status for outcome in attempt.test],
        "test_outputs": [_json(outcome) for outcome in attempt.test],
        "test_errors": [_error(outcome) for outcome in attempt.test],
    }


def _error(outcome: Outcome) -> str | None:
    return None if outcome.status == "ok" else outcome.describe()


def _json(outcome: Outcome) -> str | None:
    return canonical_json(outcome.value) if outcome.status == "ok" else None


def _schema() -> Any:
    import pyarrow as pa

    kinds = {"text": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
    return pa.schema(
        [
            (name, pa.list_(kinds[kind.removeprefix("list of ")]) if kind.startswith("list of ") else kinds[kind])
            for name, kind in COLUMNS.items()
        ]
    )


def _need(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise ExportError(f"this export needs {package}: {install('train')}")
