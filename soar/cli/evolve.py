"""`soar evolve`."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer

from soar.cli.config_file import HELP as CONFIG
from soar.cli.config_file import with_file
from soar.cli.derive import takes
from soar.cli.naming import MODELS, SETTINGS
from soar.cli.stoppers import stopper_of
from soar.evolution.scores.config import EvolveConfig


@takes(EvolveConfig)
def evolve(
    program: Annotated[
        Path, typer.Argument(help="File of the program to begin with; EVOLVE-BLOCK marks bound changes.")
    ],
    evaluator: Annotated[Path, typer.Argument(help="File that defines evaluate(path), which scores a program.")],
    description: Annotated[
        str, typer.Option(help="What a program should do, for a model; @FILE takes it from a file.")
    ] = "",
    direction: Annotated[
        str, typer.Option(help="max: the larger the score the better; min: the smaller.", metavar="max|min")
    ] = "max",
    metric: Annotated[
        str | None,
        typer.Option(help="The metric that counts; without it combined_score, score, or the only one there is."),
    ] = None,
    model: Annotated[str | None, typer.Option(help=MODELS + " Without it, operators that need none.")] = None,
    model_settings: Annotated[Path | None, typer.Option(help=SETTINGS)] = None,
    run: Annotated[
        Path | None, typer.Option(help="Folder of the run; the same command goes on where it was killed.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help=CONFIG)] = None,
    out: Annotated[Path | None, typer.Option(help="File that the best program is written to.")] = None,
    stop_tokens: Annotated[int | None, typer.Option(help="Stop once the model has written so many tokens.")] = None,
    stop_cost: Annotated[float | None, typer.Option(help="Stop once it has cost so many US dollars.")] = None,
    stop_seconds: Annotated[float | None, typer.Option(help="Stop after so many seconds.")] = None,
    stop_file: Annotated[Path | None, typer.Option(help="Stop once this file is there.")] = None,
    progress: Annotated[
        bool | None, typer.Option("--progress/--no-progress", help="Say each better score; without it, in a terminal.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")] = False,
    *,
    options: dict[str, Any],
) -> None:
    """Search programs that score better than a first one: by changes that need no model, or with a model.

    Examples: `soar evolve initial_program.py evaluator.py --programs 2000 --run runs/first` ·
    `soar evolve initial_program.py evaluator.py --model openai:MODEL@URL`
    """
    from soar.core.files import write_whole
    from soar.evolution.scores.api import evolve as evolve_task
    from soar.evolution.scores.task import EvaluatorTask
    from soar.models import open_model

    options = with_file(config, options, EvolveConfig.model_fields)
    text = Path(description[1:]).read_text(encoding="utf-8") if description.startswith("@") else description
    start, side = program.read_text(encoding="utf-8"), cast(Literal["max", "min"], direction)
    task = EvaluatorTask(program.stem, start, evaluator, text, side, metric)
    stop = stopper_of(None, stop_tokens, stop_cost, stop_seconds, stop_file)
    with ExitStack() as stack:
        settled: Any = model
        if model is not None and model_settings is not None:
            settled = open_model(model, model_settings)
            stack.callback(settled.close)
        try:
            result = evolve_task(task, settled, run=run, stop=stop, progress=progress, **options)
        except KeyboardInterrupt:
            typer.secho("soar: interrupted", fg="yellow", err=True)
            raise typer.Exit(130) from None
    if out is not None and result.best is not None:
        write_whole(out, result.best.source)
    typer.echo(json.dumps(result.to_json()) if as_json else result.summary)
    raise typer.Exit(130 if result.stopped == "Ctrl-C" else 0)
