"""`soar evaluate`, `soar compare`, `soar vote`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from soar.core.errors import SoarError
from soar.core.files import write_whole
from soar.core.terminal import in_terminal

if TYPE_CHECKING:
    from soar.evolution.results import SearchResults
    from soar.programs.voting import Weighting

_RUN_HELP = "Folder of a run; its last round, or with @N round N (runs/a@0)."
Run = Annotated[str, typer.Argument(metavar="RUN", help=_RUN_HELP)]
_WEIGHT_HELP = "Weights of the vote: sum, appendix (SOAR's two), majority, best, closest."
Weight = Annotated[str | None, typer.Option(help=_WEIGHT_HELP)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on standard output.")]


class UsageError(SoarError):
    """An argument has no meaning; the message lists what has."""


def evaluate(
    run: Run,
    weight: Weight = None,
    as_reliability: Annotated[
        bool,
        typer.Option("--reliability", help="What became of the samples: programs that ran, outputs that count."),
    ] = False,
    attempts: Annotated[
        int | None, typer.Option(help="Of --reliability: samples of a task that count; without it, all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a run is worth: solved in three readings, oracle, pass@k, failures, tokens; with 95% intervals.

    Examples: `soar evaluate runs/a` · `soar evaluate runs/a@0 --json > evaluation.json` ·
    `soar evaluate runs/a --reliability --attempts 2`
    """
    from soar.evaluation import evaluate as evaluate_run
    from soar.evaluation import reliability

    if attempts is not None and not as_reliability:
        raise UsageError("--attempts belongs to --reliability")
    if as_reliability:
        if weight is not None:
            raise UsageError("--weight is of the vote; --reliability takes no vote")
        became = reliability(_open(run), attempts)
        _print(became, became.to_json() if as_json else None)
        return
    found = evaluate_run(_open(run), weight=_weighting(weight), progress=in_terminal())
    _print(found, found.to_json() if as_json else None)


def compare(
    a: Annotated[str, typer.Argument(metavar="RUN", help=_RUN_HELP)],
    b: Annotated[str, typer.Argument(metavar="RUN", help="What is compared with it, in the same way.")],
    weight: Weight = None,
    as_json: AsJson = False,
) -> None:
    """Compare two runs: gained and lost tasks, McNemar's test, differences with 95% intervals; and attempt by attempt.

    Examples: `soar compare runs/a runs/b` · `soar compare runs/a@0 runs/a@4`
    """
    from soar.evaluation import compare as compare_evaluations
    from soar.evaluation import compare_attempts, reliability
    from soar.evaluation import evaluate as evaluate_run

    bar = in_terminal()
    runs = [_open(run) for run in (a, b)]
    first, second = (evaluate_run(run, weight=_weighting(weight), progress=bar) for run in runs)
    found = compare_evaluations(first, second)
    sampled = all(any(row.samples for row in one.per_task) for one in (first, second))
    paired = compare_attempts(*map(reliability, runs)) if sampled else None
    _print(found, found.to_json() | {"attempts": paired and paired.to_json()} if as_json else None)
    if paired is not None and not as_json:
        _print(paired, None)


def vote(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help=_RUN_HELP)],
    weight: Weight = "sum",
    c: Annotated[float, typer.Option("--c", help="Worth of the examples, for sum and appendix.")] = 1000,
    output: Annotated[Path | None, typer.Option(help="Write predictions and figures to this JSON file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Vote once over the attempts of several runs: other models, seeds or iterations.

    Tasks are matched by their content. Shown are the three readings of solved and the oracle, of each run and of all.

    Examples: `soar vote runs/a runs/b --output predictions.json` · `soar vote runs/a@0 runs/a@1 runs/a@2`
    """
    from soar.evaluation import vote_runs

    found = vote_runs([_open(run) for run in runs], c=c, weight=_weighting(weight) or "sum", progress=in_terminal())
    if output is not None:
        write_whole(output, json.dumps(found.to_json()) + "\n")
    _print(found, found.to_json() if as_json else None)


def submit(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help=_RUN_HELP)],
    output: Annotated[Path, typer.Option(help="The file to write.")] = Path("submission.json"),
) -> None:
    """Write the submission file of the ARC Prize: every task of the runs, two attempts for each test input.

    Of several runs one vote is taken over all. Tasks without an answer have [[0]], since the form allows no gap.

    Examples: `soar submit runs/a` · `soar submit runs/a@0 runs/a@1 --output both.json`
    """
    from soar.evaluation.submission import submission, unanswered

    made = submission([_open(run) for run in runs])
    write_whole(output, json.dumps(made) + "\n")
    without = unanswered(made)
    note = f", {without} of them without an answer: [[0]] stands in its place" if without else ""
    typer.echo(f"{len(made)} tasks in {output}{note}")


def score(
    file: Annotated[Path, typer.Argument(help="A submission of the ARC Prize, such as submission.json.")],
    tasks: Annotated[
        str, typer.Argument(help="Tasks whose answers are known: a set, a file or a folder.")
    ] = "arc-agi-1/evaluation",
    as_json: AsJson = False,
) -> None:
    """Score a submission as Kaggle does: the share of test inputs with one of two attempts right.

    Examples: `soar score submission.json` · `soar score submission.json arc-agi-2/evaluation`
    """
    from soar.evaluation.submission import score_submission
    from soar.tasks.sets import load_tasks

    found = score_submission(file, load_tasks(tasks))
    typer.echo(json.dumps(asdict(found) | {"score": found.score}) if as_json else str(found))


def _open(run: str) -> SearchResults:
    from soar.evolution.results import load_run

    folder, _, iteration = run.rpartition("@")
    if folder and iteration.isdigit() and not Path(run).exists():
        return load_run(folder, int(iteration))
    return load_run(run)


def _weighting(name: str | None) -> Weighting | None:
    from soar.programs.voting import Weighting

    if name is not None and name not in get_args(Weighting):
        raise UsageError(f"no weights {name!r}; there are {', '.join(get_args(Weighting))}")
    return name  # type: ignore[return-value]


def _print(found: Any, data: Any) -> None:
    from rich.console import Console

    if data is None:
        Console().print(found)
    else:
        typer.echo(json.dumps(data))
