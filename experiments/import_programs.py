"""Make a run of programs that others have released, so that hindsight and training can begin from it.

    python experiments/import_programs.py FILE.parquet --model NAME --run runs/theirs
    soar dataset runs/theirs --save rows && soar train rows --model hf:NAME --output adapter

Reads Parquet in the columns of the SOAR authors' data (`julien31/soar_arc_train_5M`), as public programs that read it
name them: task_id, code, model, generation, predicted_train_output, predicted_test_output, correct_train_input,
correct_test_input. The data themselves were not at hand. Only task_id and code are needed. `generation` becomes the
iteration, and each row an attempt of the sampling phase: the data do not say what was refined into what, so there are
no rows for refinement.

Nothing is taken on trust. Each program is read as a reply is, runs in the sandbox, and has the outcomes that it has
here; whether they are those that the file claims is counted. Killed, the same command goes on where it was.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import pyarrow.parquet as pq
import typer

import soar
from soar.archive.records import Record, Request, hashes, prompt_hash, request_key, task_inputs
from soar.archive.writer import ArchiveWriter
from soar.core.errors import SoarError
from soar.evolution.config import SearchConfig
from soar.evolution.run_folder import RunFolder
from soar.models.base import Completion
from soar.programs.parsing.replies import ENTRY_POINT, ParseFailure
from soar.prompts.prompt_set import PromptSet, load_prompt_set
from soar.sandbox import Sandbox
from soar.sandbox.executor import Executor
from soar.sandbox.outcome import Outcome
from soar.tasks.task import Task

NEEDED = ("task_id", "code")
CLAIMED = ("predicted_train_output", "predicted_test_output")
AT_ONCE = 50  # programs of a request


class Row(NamedTuple):
    """A program of the file, and the outputs that it is said to give: None where the file does not say."""

    code: str
    claimed: list[Any] | None


@dataclass(slots=True)
class Imported:
    """What became of the rows.

    Attributes:
        counts: `programs` that were taken in, of them `unread`: without a program that could be read; `known`: taken in
            by an earlier call; `strange`: of tasks that were not given, and left out; `agree` and `differ`: programs
            whose outputs here are, or are not, those that the file claims.
    """

    counts: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        names = ("programs", "unread", "strange", "known", "agree", "differ")
        return ", ".join(f"{self.counts[name]:,} {name}" for name in names)


@dataclass(frozen=True, slots=True)
class Place:
    """Where rows are put: archive, prompts, what runs programs, what is counted."""

    archive: ArchiveWriter
    prompts: PromptSet
    executor: Executor
    model: str
    imported: Imported

    async def take(self, task: Task, iteration: int, step: int, rows: list[Row]) -> None:
        """Record rows as one request, unless that is there."""
        counts = self.imported.counts
        known = self.archive.begun(task.content_hash, iteration).get(request_key(iteration, "sample", None, step))
        if known not in (None, len(rows)):
            raise SoarError(f"{self.archive.path} was begun with another --per-task or file: give it, or another --run")
        if known:
            counts["known"] += len(rows)
            return
        inputs = task_inputs(task)
        records = await asyncio.gather(*(self._record(row, inputs) for row in rows))
        request = Request(
            task_hash=task.content_hash, task_id=task.id, iteration=iteration, phase="sample", island=None, step=step,
            parents=(), n=len(rows), seed=0, prompt_hash=prompt_hash(self.prompts.render(task)), few_shot=(),
            model=self.model, adapter=None, prompt_set=self.prompts.label, operator="sample",
        )  # fmt: skip
        self.archive.record(request, 0, hashes(inputs), records)
        counts["programs"] += len(rows)
        counts["unread"] += sum(record.program is None for record in records)
        for row, record in zip(rows, records, strict=True):
            if row.claimed is not None and record.program is not None:
                counts["agree" if alike(task, record.outcomes, row.claimed) else "differ"] += 1

    async def _record(self, row: Row, inputs: list[Any]) -> Record:
        reply = Completion(row.code, 0, "stop")  # how many tokens it took is not known
        source = self.prompts.parse(f"```python\n{row.code}\n```")
        if isinstance(source, ParseFailure):
            return Record(reply, None, source.reason, ())
        outcomes = await self.executor.submit(source, inputs, ENTRY_POINT)
        return Record(reply, soar.Program(source), None, tuple(outcomes))


def alike(task: Task, outcomes: tuple[Outcome, ...], claimed: list[Any]) -> bool:
    """Tell whether a program gave what it is said to give, an error where there is nothing."""
    if len(outcomes) != len(claimed):
        return False
    pairs = zip(outcomes, claimed, strict=True)
    return all(one.status != "ok" if value is None else task.right(one.value, value) for one, value in pairs)


def import_programs(
    file: Path,
    run: Path,
    tasks: Mapping[str, Task],
    model: str | None = None,
    per_task: int | None = None,
    workers: int | None = None,
) -> Imported:
    """Take the programs of a Parquet file into a run's archive; return what became of them.

    Args:
        file: with the columns `task_id` and `code` at least.
        run: folder of the run, new or begun by the same call.
        tasks: by id; rows of others are left out.
        model: whose programs are taken; None: all are of one.
        per_task: most programs of a task and generation, the first of the file; None: all.
        workers: processes that run programs; None: one a core.

    Raises:
        SoarError: a column is missing, the file holds programs of several models, or none that can be taken.
    """
    columns = pq.ParquetFile(file).schema_arrow.names
    if missing := [name for name in NEEDED if name not in columns]:
        raise SoarError(f"{file} lacks the column {missing[0]!r}: it has {', '.join(columns)}")
    model, sizes = _sizes(file, columns, tasks, model)
    prompts, imported = load_prompt_set("soar"), Imported()
    config = {"samples": max(sizes.values()), "refinements": 0, "samples_per_request": AT_ONCE, "prompt_set": "soar"}
    folder = RunFolder(run.absolute())
    folder.path.mkdir(parents=True, exist_ok=True)
    found = {id: tasks[id] for id, _ in sizes}
    limits = SearchConfig.of(config).limits
    with Sandbox(workers=workers, limits=limits) as sandbox, ArchiveWriter(folder.archive) as archive:
        named = soar.ScriptedModel([], name=model)  # whose replies these are: it is never asked
        for iteration in sorted({generation for _, generation in sizes}):
            folder.claim(SearchConfig.of({**config, "iteration": iteration}), named, {"soar": prompts}, found, {})
        place = Place(archive, prompts, sandbox, model, imported)
        asyncio.run(_take_all(place, file, columns, found, per_task))
    return imported


async def _take_all(
    place: Place, file: Path, columns: list[str], tasks: Mapping[str, Task], per_task: int | None
) -> None:
    """Read the file once, and take rows of a task and generation fifty at a time, in the order of the file."""
    waiting: dict[tuple[str, int], list[Row]] = defaultdict(list)
    taken: Counter[tuple[str, int]] = Counter()
    for id, generation, model, row in _rows(file, columns):
        key = (id, generation)
        if model not in (None, place.model):
            continue
        if id not in tasks:
            place.imported.counts["strange"] += 1
            continue
        if per_task is not None and taken[key] >= per_task:
            continue
        taken[key] += 1
        waiting[key].append(row)
        if len(waiting[key]) == AT_ONCE:
            await place.take(tasks[id], generation, taken[key] // AT_ONCE - 1, waiting.pop(key))
    for (id, generation), rows in waiting.items():
        await place.take(tasks[id], generation, taken[id, generation] // AT_ONCE, rows)


def _rows(file: Path, columns: list[str]) -> Iterator[tuple[str, int, str | None, Row]]:
    wanted = [name for name in (*NEEDED, "model", "generation", *CLAIMED) if name in columns]
    for batch in pq.ParquetFile(file).iter_batches(batch_size=1000, columns=wanted):
        for one in batch.to_pylist():
            parts = [one.get(name) for name in CLAIMED]
            claimed = None if None in parts else [value for part in parts for value in part or ()]
            yield one["task_id"], int(one.get("generation") or 0), one.get("model"), Row(one["code"], claimed)


def _sizes(
    file: Path, columns: list[str], tasks: Mapping[str, Task], model: str | None
) -> tuple[str, Counter[tuple[str, int]]]:
    """Return the model that is taken, and how many programs each task and generation has of it."""
    wanted = [name for name in ("task_id", "model", "generation") if name in columns]
    counted: Counter[tuple[str | None, str, int]] = Counter()
    for batch in pq.ParquetFile(file).iter_batches(columns=wanted):
        for one in batch.to_pylist():
            counted[one.get("model"), one["task_id"], int(one.get("generation") or 0)] += 1
    models = sorted({name for name, _, _ in counted if name is not None})
    if model is None and len(models) > 1:
        raise SoarError(f"{file} holds programs of {len(models)} models: name one, {', '.join(models)} (--model)")
    chosen = model or (models[0] if models else "unknown")
    sizes = Counter(
        {(id, generation): n for (name, id, generation), n in counted.items() if name in (None, chosen) and id in tasks}
    )
    if not sizes:
        raise SoarError(f"{file} holds no program of {chosen} for any of the {len(tasks)} tasks")
    return chosen, sizes


def main(
    file: Annotated[Path, typer.Argument(help="Parquet, in the columns of the authors' data.")],
    run: Annotated[Path, typer.Option(help="Folder of the run.")],
    tasks: Annotated[
        str, typer.Option(help="What they are programs for: a set, a file or a folder.")
    ] = "arc-agi-1/training",
    model: Annotated[str | None, typer.Option(help="Whose programs are taken, where the file has several.")] = None,
    per_task: Annotated[int | None, typer.Option(help="Most programs of a task and generation.", min=1)] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that run programs; one a core.", min=1)] = None,
) -> None:
    """Make a run of released programs."""
    print(import_programs(file, run, soar.load_tasks(tasks), model, per_task, workers))


if __name__ == "__main__":
    from soar.cli.main import main as command_main

    app = typer.Typer(add_completion=False)
    app.command()(main)
    command_main(typer.main.get_command(app))
