"""`soar train`: rows become a LoRA adapter."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from soar.cli.config_file import HELP as CONFIG
from soar.cli.config_file import with_file
from soar.cli.derive import takes
from soar.core.hints import install
from soar.training.config import TrainingConfig

if TYPE_CHECKING:
    from datasets import Dataset


@takes(TrainingConfig)
def train(
    signals: Annotated[
        list[Path],
        typer.Argument(
            metavar="SIGNAL...", help="What `soar dataset RUN --save` (or --parquet) has written; several are stages."
        ),
    ],
    output: Annotated[Path, typer.Option(help="Folder of the adapter; the same command goes on where it was killed.")],
    model: Annotated[str, typer.Option(help="The base: mini, hf:NAME_OR_FOLDER, vllm:NAME_OR_FOLDER.")] = "mini",
    config: Annotated[Path | None, typer.Option(help=CONFIG)] = None,
    schedule: Annotated[
        str | None,
        typer.Option(help="Of several stages: rps (each a tenth of the rate before), eps (all the same rate)."),
    ] = None,
    continue_from: Annotated[
        Path | None, typer.Option(help="Folder of an adapter to go on from; by default the base model.")
    ] = None,
    retain: Annotated[
        Path | None,
        typer.Option(help="Rows of the base model's own replies to other tasks (soar dataset RUN --kind replies)."),
    ] = None,
    held_out: Annotated[
        Path | None, typer.Option(help="Rows of other tasks, measured before and after, never learnt from.")
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(
            help="Of groups (--method grpo): draws which of them each step takes, such as sec or record, see "
            "docs/curriculum.md.",
            metavar="NAME",
        ),
    ] = None,
    *,
    options: dict[str, Any],
) -> None:
    """Train a LoRA adapter on what hindsight has made of attempts, and look at what was learnt.

    Options left out have the paper's values, or for mini those that were measured (docs/training.md).

    Example: `soar dataset runs/first --save rows`, then `soar train rows --output adapter`

    In stages: `soar dataset runs/first --kind pairs --save pairs`, then
    `soar train pairs-easy pairs-hard --method dpo --schedule rps --output adapter`
    """
    from soar.training.job import train as train_on
    from soar.training.progress import summary
    from soar.training.stages import train_stages

    chosen = TrainingConfig.for_model(model, **with_file(config, options, TrainingConfig.model_fields))
    try:
        others: dict[str, Any] = {"retain": retain and _read(retain), "held_out": held_out and _read(held_out)}
        given_rows = [_drawn(_read(one), teacher, chosen) for one in signals]
        if schedule is not None or len(signals) > 1:
            adapters = train_stages(
                given_rows, model, output, chosen, schedule=_schedule(schedule), continue_from=continue_from, **others
            )
        else:
            adapters = [train_on(given_rows[0], model, output, chosen, continue_from=continue_from, **others)]
    except KeyboardInterrupt:
        typer.secho(f"soar: interrupted; the same command goes on from the last checkpoint in {output}", err=True)
        raise typer.Exit(130) from None
    for adapter in adapters:
        typer.echo(summary(adapter))


def _drawn(groups: Dataset, teacher: str | None, config: TrainingConfig) -> Dataset:
    """The groups that a teacher draws, in its order; without one all rows as they are."""
    from soar.hindsight.ordering import order_groups
    from soar.training.config import TrainingError

    if teacher is None:
        return groups
    if config.method != "grpo":
        raise TrainingError(f"a teacher draws groups: train with --method grpo, or leave out --teacher {teacher}")
    size, seed = config.batch_size, config.seed
    kept = order_groups(groups, teacher, epochs=config.epochs, batch_size=size, seed=seed)  # type: ignore[arg-type]
    visits = sum(map(len, kept["visits"]))
    typer.echo(f"teacher {teacher}: {len(kept)} of {len(groups)} groups, in {visits} visits", err=True)
    return kept


def _schedule(given: str | None) -> Any:
    from soar.training.config import TrainingError

    if given is None:
        raise TrainingError("several signals are stages: say with --schedule rps or eps how their rates follow")
    return given


def _read(rows: Path) -> Dataset:
    from soar.training.config import TrainingError

    if importlib.util.find_spec("datasets") is None:
        raise TrainingError(f"training needs datasets: {install('train')}")
    from datasets import Dataset, load_from_disk

    if not rows.exists():
        raise TrainingError(f"there are no rows in {rows}: make them with soar dataset RUN --save {rows}")
    found = load_from_disk(str(rows)) if rows.is_dir() else Dataset.from_parquet(str(rows))
    assert isinstance(found, Dataset)  # a folder of several sets is none of ours
    return found
