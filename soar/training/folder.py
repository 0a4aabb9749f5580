"""The folder of a training: what lies in it, and the refusal to go on with something else."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soar.core.files import whole, write_whole
from soar.core.manifest import Manifest
from soar.models.adapter import RECORD, Adapter
from soar.training.config import LATER, TrainingError

if TYPE_CHECKING:
    from datasets import Dataset

PLAN, CHECKPOINTS, CURVE, LOG, LOCK = "plan.json", "checkpoints", "training.jsonl", "process.log", "lock"
ROWS, RETAIN, HELD_OUT = "rows", "retain", "held-out"  # datasets, while they are needed
CHECKS = "checks.json"
COMPLETE = "complete"  # written into a checkpoint once it is


def name_of(made_of: dict[str, Any]) -> str:
    """Return the name of an adapter made of this: the same for the same, its method first."""
    digest = hashlib.blake2b(json.dumps(made_of, sort_keys=True).encode(), digest_size=4).hexdigest()
    return f"{made_of['options'].get('method', LATER['method'])}-{digest}"


def finished(folder: Path, made_of: dict[str, Any]) -> Adapter | None:
    """Return the adapter that the folder holds; None where it is still to be made.

    Raises:
        TrainingError: what is there was, or is being, made of something else; names the field, the old and new value.
    """
    if (folder / RECORD).exists():
        adapter = Adapter.load(folder)
        _check(folder, adapter.made_of, made_of)
        return adapter
    if (folder / PLAN).exists():
        _check(folder, json.loads((folder / PLAN).read_text(encoding="utf-8"))["made_of"], made_of)
    return None


def begin(folder: Path, plan: dict[str, Any], datasets: dict[str, Any]) -> None:
    """Write datasets by name, and the plan, for the training process; a killed training finds them again."""
    if not (folder / PLAN).exists():
        for name, dataset in datasets.items():
            save_whole(dataset, folder / name)
    write_whole(folder / PLAN, json.dumps(plan, indent=1))


def save_whole(dataset: Dataset, folder: Path) -> None:
    """Save a dataset so that its folder is there only once all of it is."""
    with no_bars(), whole(folder) as draft:
        dataset.save_to_disk(str(draft))


@contextmanager
def no_bars() -> Iterator[None]:
    """Keep `datasets` from drawing progress bars of its own."""
    import datasets

    shown = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    yield
    if shown:
        datasets.enable_progress_bars()


def tidy(folder: Path) -> None:
    """Remove what only an unfinished training needs."""
    for part in (ROWS, RETAIN, HELD_OUT, CHECKPOINTS):
        shutil.rmtree(folder / part, ignore_errors=True)
    for part in (PLAN, LOG, LOCK):
        (folder / part).unlink(missing_ok=True)


def last_checkpoint(folder: Path) -> Path | None:
    """Return the latest checkpoint that was written to its end, and remove all others."""
    found = sorted((folder / CHECKPOINTS).glob("checkpoint-*"), key=lambda path: int(path.name.partition("-")[2]))
    complete = [path for path in found if (path / COMPLETE).exists()]
    for path in found:
        if path not in complete[-1:]:
            shutil.rmtree(path)
    return complete[-1] if complete else None


def _check(folder: Path, old: dict[str, Any], new: dict[str, Any]) -> None:
    flat_old, flat_new = ({**LATER, **one, **one["options"]} for one in (old, new))
    Manifest(folder, TrainingError, {"options": "change"}).check(flat_old, flat_new)
