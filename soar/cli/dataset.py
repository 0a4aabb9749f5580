"""`soar dataset`: what a run has to teach, looked at and written out."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from soar.cli.derive import takes
from soar.loop.config import HindsightConfig, loop_rows

if TYPE_CHECKING:
    from datasets import Dataset
    from rich.console import Console

    from soar.tasks.task import Task

EXAMPLES = 2  # rows of each kind that are shown


@takes(HindsightConfig, without=("scope",))
def dataset(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of runs; several are pooled.")],
    kind: Annotated[
        str,
        typer.Option(
            help="rows to learn; pairs of a right and a wrong reply; groups of replies with rewards; replies: the base "
            "model's own, for --retain; golden: the shortest right program of a task; edits: a program, a better one."
        ),
    ] = "rows",
    source: Annotated[
        str | None,
        typer.Option(
            help="Of pairs: attempts, or hindsight (the task that outputs make); of edits: refinements, samples."
        ),
    ] = None,
    rejected_by: Annotated[
        list[Path] | None, typer.Option(help="Of pairs: runs of a weaker model, whose wrong attempts are rejected.")
    ] = None,
    reward: Annotated[
        str | None, typer.Option(help="Of groups: solved, examples (the share solved), smooth (cells).")
    ] = None,
    iteration: Annotated[
        str | None, typer.Option(help="Round of the loop, or all; without it, the last of each run.")
    ] = None,
    test_time: Annotated[
        bool, typer.Option("--test-time", help="Rows for target tasks: drawn by the vote, no test output is read.")
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Decides every draw.")] = None,
    model: Annotated[
        str | None, typer.Option(help="The model whose window the prompts must fit; without it, mini's for its runs.")
    ] = None,
    row: Annotated[int | None, typer.Option(help="Show this row in full, and a picture of its task.")] = None,
    picture: Annotated[
        Path | None, typer.Option(help="With --row, write the picture to this .svg or .png file.")
    ] = None,
    save: Annotated[Path | None, typer.Option(help="Write a folder for datasets.load_from_disk.")] = None,
    parquet: Annotated[Path | None, typer.Option(help="Write a Parquet file.")] = None,
    push: Annotated[str | None, typer.Option(help="Push to this name on the hub; private unless --public.")] = None,
    public: Annotated[bool, typer.Option("--public", help="Let everybody see what is pushed.")] = False,
    *,
    options: dict[str, Any],
) -> None:
    """Make rows to train on out of the attempts of runs: what became of the attempts, and some rows.

    What is not said of the rows is as the loop in the folder learns, or else as SOAR does (the defaults shown).

    Examples: `soar dataset runs/first` · `soar dataset runs/first --row 3` · `soar dataset runs/a runs/b --save rows` ·
    `soar dataset runs/first --kind pairs --save pairs`
    """
    from rich.console import Console

    from soar.archive.export import WRITERS
    from soar.cli.pairs import other_kind
    from soar.hindsight import DatasetError, make_dataset
    from soar.hindsight.dataset import open_sources
    from soar.hindsight.relabel import row_task

    if iteration is not None and iteration != "all" and not iteration.isdecimal():
        raise DatasetError(f"--iteration is a number or 'all', not {iteration!r}")
    if parquet is not None and parquet.suffix.lower() in WRITERS:
        raise DatasetError(f"{parquet}: Parquet in a file of this name would mislead: name it .parquet")
    if picture is not None and row is None:
        raise DatasetError("--picture draws the task of a row: name one with --row")
    chosen: Any = iteration if iteration in (None, "all") else int(iteration)
    of_pairs = {"source": source, "rejected_by": rejected_by or None, "reward": reward}
    given = options | {"seed": seed}
    if kind != "rows":
        others = {"iteration": chosen, "test_time": test_time, "model": model, "row": row, "picture": picture}
        _write(other_kind(kind, runs, given | of_pairs | others, save), save, parquet, push, public)
        return
    if any(of_pairs.values()):
        raise DatasetError("--source is of --kind pairs and edits, --rejected-by of pairs, --reward of groups")
    usual = {} if test_time else loop_rows(runs)
    if usual:
        typer.echo("Options that are not given are those the loop in this folder learns with.", err=True)
    options = usual | options | ({} if seed is None else {"seed": seed})
    made, report = make_dataset(runs, iteration=chosen, test_time=test_time, model=model, **options)
    console = Console()
    if row is not None:
        if not -len(made) <= row < len(made):
            raise DatasetError(f"there is no row {row}: the dataset has {len(made)} rows, numbered from 0")
        with ExitStack() as stack:
            _show_row(
                console,
                row_task(open_sources(runs, chosen, stack), made[row], options.get("seed", 0)),
                made[row],
                picture,
            )
    else:
        console.print(report)
        _show_some(console, made)
    _write(made, save, parquet, push, public)


def _show_some(console: Console, made: Dataset) -> None:
    from rich.syntax import Syntax
    from rich.text import Text

    for kind in ("sample", "refine"):
        found = [number for number, one in enumerate(made["kind"]) if one == kind]
        for number in found[:: max(len(found) // EXAMPLES, 1)][:EXAMPLES]:
            console.print(Text(f"\n{_title(number, made[number])} (--row {number} shows it in full)"), style="bold")
            console.print(Syntax(made[number]["program"], "python", background_color="default"))


def _show_row(console: Console, task: Task, row: dict[str, Any], picture: Path | None) -> None:
    from rich.syntax import Syntax
    from rich.text import Text

    console.print(task)
    if picture is not None:
        task.save(picture)
    for message in row["prompt"]:
        console.rule(f"prompt, {message['role']}")
        console.print(Text(message["content"] + row["prefill"]))
    console.rule("completion")
    console.print(Syntax(row["completion"], "python", background_color="default"))
    console.print({name: row[name] for name in row if name not in ("prompt", "completion", "program", "parents")})


def _title(number: int, row: dict[str, Any]) -> str:
    accuracy = "unknown" if row["test_accuracy"] is None else f"{row['test_accuracy']:.0%}"
    how = f"refined from a parent with {row['parent_accuracy']:.0%}" if row["kind"] == "refine" else "relabelled"
    right = f"{row['train_accuracy']:.0%} of the task's own examples right, tests {accuracy}"
    return f"Row {number}, task {row['task_id']}, {how}; {right}"


def _write(made: Dataset, save: Path | None, parquet: Path | None, push: str | None, public: bool) -> None:
    from soar.core.files import whole
    from soar.training.folder import save_whole

    if save is not None:
        save_whole(made, save)
        typer.echo(f"{len(made)} rows in {save}: datasets.load_from_disk({str(save)!r})")
    if parquet is not None:
        with whole(parquet) as draft:
            made.to_parquet(draft)
        typer.echo(f"{len(made)} rows in {parquet}")
    if push is not None:
        made.push_to_hub(push, private=not public)
        typer.echo(f"{len(made)} rows pushed to {push}")
