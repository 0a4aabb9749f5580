"""From the attempts of runs to rows to train on: relabelled, without duplicates, selected (SOAR, section 3.3)."""

from __future__ import annotations

import atexit
import difflib
import hashlib
import importlib.util
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from soar.core.custom import Custom, value_of
from soar.core.errors import SoarError, expect
from soar.core.hints import install
from soar.core.terminal import in_terminal
from soar.evolution.results import SearchResults
from soar.hindsight.relabel import Renderers
from soar.hindsight.report import HindsightReport
from soar.hindsight.rows import BY_VOTE, RowBuilder, RowConfig
from soar.hindsight.scan import Source, best_known
from soar.hindsight.selection import REFINEMENTS, SELECTIONS, HindsightSelection, RefinementSelection, Selection
from soar.hindsight.variants import AUGMENT_BY, AugmentBy
from soar.models.base import LanguageModel
from soar.programs.embedding import Embedder, load_embedder
from soar.sandbox import Sandbox
from soar.tasks.task import Task
from soar.tasks.values import canonical_json

if TYPE_CHECKING:
    from datasets import Dataset

Run: TypeAlias = str | Path | SearchResults


class DatasetError(SoarError):
    """A dataset cannot be made as it was asked for; the message says what to do."""


def make_dataset(
    runs: Run | Sequence[Run],
    *,
    iteration: int | Literal["all"] | None = None,
    selection: Selection | HindsightSelection | Custom = "greedy-diverse",
    refinement: RefinementSelection = "diverse",
    per_task: int = 50,
    augment: int = 0,
    augment_by: AugmentBy = "even",
    move_inputs: bool = False,
    simplify: bool = False,
    embedder: str | Embedder = "ngrams",
    threshold: float | None = None,
    test_time: bool = False,
    seed: int = 0,
    model: str | LanguageModel | None = None,
    progress: bool | None = None,
) -> tuple[Dataset, HindsightReport]:
    """Return rows to train on, and what became of the attempts they were chosen from.

    Row of kind "sample": the prompt of the search, but the outputs shown are those of the program, which is the
    completion. Row of kind "refine": the prompt that shows the task itself and a program that does not solve it; the
    completion is one that it was refined into and that solves all examples and test inputs. No prompt holds a solved
    example before the task; the order of the examples is shuffled in each row. Columns: kind, task_id, task_hash,
    prompt (messages), prefill, completion, program, program_hash, parents (sources), found_at (the task that a
    row's program was found at), symmetry (by which its inputs were changed), train_accuracy, test_accuracy,
    parent_accuracy, bin, model, adapter, iteration, prompt_set ("name:hash"). Accuracies are those at the task itself.

    The same arguments and archives give the same rows. One task is in memory at a time; the dataset is a file, which
    is deleted when Python ends, so save it to keep it.

    Args:
        runs: folders of runs or results of searches; several are pooled, task by task.
        iteration: round of the loop that counts; None: the last of each run; "all".
        selection: of programs for sampling: "greedy-diverse" (the best half, and those that solve the fewest
            examples), "greedy", "uniform", or "correct-only" (the shortest solutions). All prefer short programs. Or a
            `HindsightSelection` of your own.
        refinement: of refinements: "diverse" (balanced over the four bins of the parent's accuracy), "uniform", "none".
        per_task: most rows of each kind that a task may have (paper: 50).
        augment: rows more for each solution among those for sampling, which show what it gave at other inputs: the
            task's own, turned, mirrored and recoloured, and those of another task, in turn (paper: none). Grids only.
        augment_by: "even": so many for each solution; "difficulty": in proportion to how rarely the samples of the last
            round solve the task, twice as many where none does, none where all do (DART-Math's Prop2Diff, Tong et
            al. 2024).
        move_inputs: show programs that do not solve their task at its inputs turned, mirrored and recoloured, not at
            these themselves (paper: no). Grids only.
        simplify: take out of each program what changes nothing at its task's inputs (paper: no).
        embedder: what near-duplicate solutions are found with: see `soar.programs.embedding.load_embedder`.
        threshold: cosine above which two solutions count as one; None: the embedder's.
        test_time: make rows for target tasks without reading their test outputs: the best half of "greedy-diverse", or
            all rows of "correct-only" (those that solve the examples), are drawn by the vote; there are no refinements.
        seed: decides every draw and the order of the examples.
        model: whose window the prompts must fit; None: each run's own where that is the embedded one, else they are
            taken to fit. Those that do not fit are shortened where the search did so (`drop_examples`), else left out.
        progress: show a bar; None: in a terminal.

    Raises:
        DatasetError: an option is unknown or does not go with another, a package is missing, or a prompt set has
            changed since the search.
        ConfigError: a folder holds no run, or no such round.
        EmbeddingError: the embedder cannot be had.
    """
    chosen_by: Selection | HindsightSelection = value_of(selection, "selection")
    _check(chosen_by, refinement, augment_by, per_task, augment, test_time)
    if isinstance(embedder, str):
        embedder = load_embedder(embedder)
    choice = RowConfig(
        chosen_by,
        refinement,
        per_task,
        augment,
        augment_by,
        move_inputs,
        simplify,
        embedder,
        threshold,
        test_time,
        seed,
    )
    report = HindsightReport(choice.to_json() | {"iteration": iteration})
    with ExitStack() as stack:
        sources = open_sources(runs, iteration, stack)
        sandbox = stack.enter_context(Sandbox(limits=sources[0].limits)) if augment or move_inputs or simplify else None
        tasks = [one.without_test_outputs() if test_time else one for one in tasks_of(sources)]
        grids = [one for one in tasks if one.is_grid] if augment else []
        builder = RowBuilder(
            sources, grids, choice, report, Renderers(sources, model, stack, report.unmeasured), sandbox
        )
        rows = (row for task in _shown(tasks, progress) for row in builder.rows(task))
        return written(rows, _schema()), report


def open_sources(runs: Run | Sequence[Run], iteration: int | Literal["all"] | None, stack: ExitStack) -> list[Source]:
    """Open runs, until the stack is closed. Raises as `make_dataset`."""
    sources = []
    for path in _folders(runs):
        sources.append(Source.open(path, iteration))
        stack.callback(sources[-1].archive.close)
    return sources


def tasks_of(sources: Sequence[Source]) -> list[Task]:
    """Return the tasks of all sources, each once; of equal ones the one whose test outputs are known."""
    return list(best_known(task for source in sources for task in source.tasks.values()).values())


def _check(selection: object, refinement: str, augment_by: str, per_task: int, augment: int, test_time: bool) -> None:
    words = (
        ("selection", selection, SELECTIONS), ("refinement", refinement, REFINEMENTS),
        ("augment_by", augment_by, AUGMENT_BY),
    )  # fmt: skip
    for name, value, known in words:
        if name == "selection" and not isinstance(value, (str, type)) and callable(getattr(value, "select", None)):
            continue
        if not isinstance(value, str):
            raise DatasetError(f"{name} is one of {', '.join(known)}, not {value!r}")
        if value not in known:
            near = difflib.get_close_matches(value, known, n=1)
            hint = f"; nearest: {near[0]}" if near else ""
            raise DatasetError(f"unknown {name} {value!r}{hint}. Known: {', '.join(known)}")
    for name, number in (("per_task", per_task), ("augment", augment)):
        expect(number, int, name, "a number of rows")
    if per_task < 1:
        raise DatasetError(f"per_task is at least 1, not {per_task}")
    if augment < 0:
        raise DatasetError(f"augment is at least 0, not {augment}")
    if test_time and (selection not in BY_VOTE or refinement != "diverse"):
        raise DatasetError(f"test_time draws by the vote, no refinements: selection is {' or '.join(BY_VOTE)}")
    for package in ("datasets", "pyarrow"):
        if importlib.util.find_spec(package) is None:
            raise DatasetError(f"a dataset needs {package}: {install('train')}")


def _folders(runs: Run | Sequence[Run]) -> list[Path]:
    expect(runs, (str, Path, SearchResults, list, tuple), "what rows are made of", "a run's folder, results, or a list")
    several = [runs] if isinstance(runs, (str, Path, SearchResults)) else list(runs)
    for one in several:
        expect(one, (str, Path, SearchResults), "what rows are made of", "a run's folder or results of a search")
    if not several:
        raise DatasetError("no run was given to make a dataset of")
    return [run.run if isinstance(run, SearchResults) else Path(run) for run in several]


def _shown(tasks: Sequence[Task], progress: bool | None) -> Iterator[Task]:
    """Pass the tasks on, with a bar where one is wanted."""
    from rich.console import Console
    from rich.progress import track

    wanted = in_terminal() if progress is None else progress
    console = Console(stderr=True)
    yield from track(tasks, "hindsight", disable=not wanted, console=console, transient=True)


def written(rows: Iterator[dict[str, Any]], schema: Any) -> Dataset:
    """Write rows to a file as they come, and return the dataset that lies there; its fingerprint is of its content."""
    import pyarrow as pa
    from datasets import Dataset
    from datasets.table import MemoryMappedTable

    folder = Path(tempfile.mkdtemp(prefix="soar-dataset-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    file = str(folder / "rows.arrow")
    digest = hashlib.blake2b(digest_size=8)
    with pa.OSFile(file, "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        for row in rows:
            digest.update(canonical_json(row).encode())
            writer.write_batch(pa.RecordBatch.from_pylist([row], schema=schema))
    return Dataset(MemoryMappedTable.from_file(file), fingerprint=digest.hexdigest())


def prompt_type() -> Any:
    """The type of a column of messages."""
    import pyarrow as pa

    return pa.list_(pa.struct(fields_of("role", "content")))


def fields_of(*names: str) -> list[tuple[str, Any]]:
    """Columns of text."""
    import pyarrow as pa

    return [(name, pa.string()) for name in names]


def _schema() -> Any:
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    return pa.schema(
        [
            ("kind", text), ("task_id", text), ("task_hash", text), ("found_at", text),
            ("prompt", prompt_type()), ("prefill", text), ("completion", text),
            ("program", text), ("program_hash", text), ("parents", pa.list_(text)),
            ("symmetry", text), ("train_accuracy", number), ("test_accuracy", number), ("parent_accuracy", number),
            ("bin", text), ("model", text), ("adapter", text), ("iteration", pa.int64()), ("prompt_set", text),
        ]
    )  # fmt: skip
