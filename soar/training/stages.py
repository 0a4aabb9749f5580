"""Trainings one after another: first the easy part of a signal, then the hard one, with less plasticity or the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from soar.core.errors import expect_path
from soar.models.adapter import Adapter
from soar.training.config import TrainingConfig, TrainingError
from soar.training.encoding import check_apart, check_rows
from soar.training.job import train
from soar.training.methods import method_of

Schedule = Literal["rps", "eps"]
FACTORS: dict[str, float] = {"rps": 0.1, "eps": 1.0}  # of the learning rate, from each stage to the next


def train_stages(
    signals: Sequence[Any],
    model: str = "mini",
    output: str | Path = "adapter",
    config: TrainingConfig | None = None,
    *,
    schedule: Schedule,
    continue_from: Adapter | str | Path | None = None,
    retain: Any = None,
    held_out: Any = None,
    progress: bool | None = None,
) -> list[Adapter]:
    """Train on each signal in turn, each time from the adapter of the stage before; return all adapters.

    RPS (regressive plasticity): each stage has a tenth of the rate of the one before. EPS (equal plasticity): all have
    the same. Every stage has a warm-up and a cosine of its own. The first stage lies in `output/stage-1`, whatever the
    schedule, those that follow in `output/rps-stage-2` or `output/eps-stage-2`: both schedules in one folder go on from
    the same first stage. With dpo, a stage's reference is what the stage before has made.

    Args:
        signals: the easy part first, see `soar.hindsight.stages`; no task may be in two.
        schedule: "rps" or "eps".
        model, output, config, continue_from, retain, held_out, progress: as `soar.train` has them.

    Raises:
        TrainingError: there are fewer than two signals, two share a task, or what `soar.train` raises.
    """
    if schedule not in FACTORS:
        raise TrainingError(f"schedule is one of {', '.join(FACTORS)}, not {schedule!r}")
    if len(signals) < 2:
        raise TrainingError(f"a schedule is of two stages or more, here is {len(signals)}: give easy and hard signals")
    config = config or TrainingConfig.for_model(model)
    for number, signal in enumerate(signals):
        check_rows(signal, method_of(config.method).consumes)
        for other in signals[:number]:
            check_apart(other, signal, f"stage {number + 1}")
    adapters: list[Adapter] = []
    for number, signal in enumerate(signals):
        name = "stage-1" if number == 0 else f"{schedule}-stage-{number + 1}"
        rate = config.learning_rate * FACTORS[schedule] ** number
        adapters.append(
            train(
                signal, model, expect_path(output, "output") / name, config.model_copy(update={"learning_rate": rate}),
                continue_from=adapters[-1] if adapters else continue_from, retain=retain, held_out=held_out,
                progress=progress,
            )
        )  # fmt: skip
    return adapters
