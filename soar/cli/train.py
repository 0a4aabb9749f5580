"""`soar train`: rows become a LoRA adapter."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from soar.core.hints import install

if TYPE_CHECKING:
    from datasets import Dataset


def train(
    rows: Annotated[
        Path, typer.Argument(metavar="ROWS", help="What `soar dataset RUN --save` (or --parquet) has written.")
    ],
    output: Annotated[Path, typer.Option(help="Folder of the adapter; the same command goes on where it was killed.")],
    model: Annotated[str, typer.Option(help="The base: mini, hf:NAME_OR_FOLDER, vllm:NAME_OR_FOLDER.")] = "mini",
    rank: Annotated[
        str | None, typer.Option(help="Of the LoRA matrices (paper: 256); full: train all weights, no matrices.")
    ] = None,
    alpha: Annotated[float | None, typer.Option(help="LoRA scales by alpha/√rank (paper: 32).")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="At its peak (paper: 5e-5).")] = None,
    epochs: Annotated[int | None, typer.Option(help="Times that every row is seen (paper: 3).")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows of an optimizer step (paper: 64).")] = None,
    micro_batch_size: Annotated[int | None, typer.Option(help="Rows in memory together (paper: 1).")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Longer rows are left out; by default the window.")] = None,
    precision: Annotated[str | None, typer.Option(help="auto (bf16 where the hardware has it), bf16, fp32.")] = None,
    quantize: Annotated[
        bool | None, typer.Option("--quantize/--no-quantize", help="QLoRA; by default with CUDA above 15B parameters.")
    ] = None,
    packing: Annotated[
        bool | None, typer.Option("--packing/--no-packing", help="By default with CUDA and flash attention.")
    ] = None,
    unsloth: Annotated[
        bool | None, typer.Option("--unsloth/--no-unsloth", help="By default with CUDA, if it is installed.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of the LoRA matrices and the order of rows.")] = None,
    continue_from: Annotated[
        Path | None, typer.Option(help="Folder of an adapter to go on from; by default the base model.")
    ] = None,
) -> None:
    """Train a LoRA adapter on rows made by hindsight.

    Options left out have the paper's values, or for mini those that were measured (docs/training.md).

    Example: `soar dataset runs/first --save rows`, then `soar train rows --output adapter`
    """
    from soar.training.config import TrainingConfig
    from soar.training.job import train as train_on
    from soar.training.progress import summary

    given = {
        "rank": rank, "alpha": alpha, "learning_rate": learning_rate, "epochs": epochs, "batch_size": batch_size,
        "micro_batch_size": micro_batch_size, "max_tokens": max_tokens, "precision": precision, "quantize": quantize,
        "packing": packing, "unsloth": unsloth, "seed": seed,
    }  # fmt: skip
    config = TrainingConfig.for_model(model, **{name: value for name, value in given.items() if value is not None})
    try:
        adapter = train_on(_read(rows), model, output, config, continue_from=continue_from)
    except KeyboardInterrupt:
        typer.secho(f"soar: interrupted; the same command goes on from the last checkpoint in {output}", err=True)
        raise typer.Exit(130) from None
    typer.echo(summary(adapter))


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
