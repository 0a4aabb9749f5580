"""What a round's attempts are made into: the signal that the round's method learns from, and how it is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from soar.core.errors import expect
from soar.loop.config import LoopConfig, LoopError, MethodName

if TYPE_CHECKING:
    from datasets import Dataset

    from soar.hindsight import HindsightReport
    from soar.training.config import TrainingConfig

    Trainings: TypeAlias = TrainingConfig | Sequence[TrainingConfig] | None

SHAPE = ("rank", "alpha", "rslora", "target_modules")  # what an adapter keeps of the one that it goes on from


@dataclass(frozen=True, slots=True)
class SignalReport:
    """What a signal other than rows holds.

    Attributes:
        method: that learns from it.
        rows: how many there are, by what they are: {"groups": 24}.
        tasks: they are of.
    """

    method: str
    rows: dict[str, int]
    tasks: int

    def to_json(self) -> dict[str, Any]:
        """The same as JSON data."""
        return asdict(self)

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {name}" for name, count in self.rows.items())
        return f"{counts} of {self.tasks} tasks, for {self.method}"


def make_signal(
    method: MethodName, runs: list[Path], iteration: int | Literal["all"], config: LoopConfig
) -> tuple[Dataset, HindsightReport | SignalReport]:
    """Return what a method learns from, and what there is to say of it: rows, pairs, groups or golden solutions.

    Args:
        iteration: round of the runs that counts; groups are always of one, drawn by the policy that learns from them.
    """
    from soar.hindsight import make_dataset, make_golden, make_groups, make_pairs

    if method == "sft":
        return make_dataset(runs, iteration=iteration, seed=config.seed, **config.hindsight.rows())
    if method == "dpo":
        made, name = make_pairs(runs, iteration=iteration, seed=config.seed), "pairs"
    elif method == "tokens":
        made, name = make_golden(runs, iteration=iteration), "golden"
    else:
        every = max(config.samples, 1)
        made = make_groups(runs, iteration=iteration, reward=config.reward, per_task=every, seed=config.seed)
        name = "groups"
    return made, SignalReport(method, {name: len(made)}, len(set(made["task_hash"])))


def trainings_of(model: str, config: LoopConfig, given: Trainings, test_time: bool) -> dict[MethodName, TrainingConfig]:
    """Return how to train by each method that the loop uses: as given, or what suits the model. Test time uses sft.

    Raises:
        LoopError: one is given for another method, or two of them cannot go on from each other.
    """
    from soar.training.config import TrainingConfig

    several = [given] if isinstance(given, TrainingConfig) else list(given or ())
    for one in several:
        expect(one, TrainingConfig, "training", "a TrainingConfig or several, see TrainingConfig.for_model")
    own = {one.method: one for one in several}
    methods: list[MethodName] = list(dict.fromkeys((*config.method, *(("sft",) if test_time else ()))))
    for name in own:
        if name not in methods:
            raise LoopError(
                f"training is for method {name}, and the loop learns by {', '.join(methods)}: say method={name!r} "
                f"(--method {name}), or train by {methods[0]}"
            )
    if len(own) < len(several):
        raise LoopError("training is given twice for one method: give one for each")
    plans = {name: own.get(name) or TrainingConfig.for_model(model, method=name, seed=config.seed) for name in methods}
    for one in plans.values():
        one.check_model(model)
        for part in SHAPE:
            first = getattr(plans[methods[0]], part)
            if getattr(one, part) != first:
                raise LoopError(
                    f"one method goes on from the other's adapter, so all need the same {part}: {methods[0]} has "
                    f"{first}, {one.method} {getattr(one, part)}"
                )
    return plans
