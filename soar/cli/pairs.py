"""`soar dataset --kind pairs`, `replies`, `groups`, `golden` or `edits`: other signals than rows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from datasets import Dataset

EASY, HARD = 400, 600
SHARED = ("iteration", "per_task", "seed", "model")
KNOWS = {
    "pairs": ("source", "rejected_by", "test_time", *SHARED),
    "replies": SHARED,
    "groups": ("reward", *SHARED),
    "golden": ("test_time", "iteration", "model"),
    "edits": ("source", *SHARED),
}


def other_kind(kind: str, runs: list[Path], given: dict[str, Any], save: Path | None) -> Dataset:
    """Make what the options say, and tell what it is; pairs are written in two stages too.

    Args:
        given: options by name, those that were not given None; of rows alone, they are refused.
    """
    from soar.hindsight import DatasetError, make_edits, make_golden, make_groups, make_pairs, make_replies

    if kind not in KNOWS:
        raise DatasetError(f"--kind is one of rows, {', '.join(KNOWS)}, not {kind!r}")
    options = {name: value for name, value in given.items() if value not in (None, False)}
    beyond = [name for name in options if name not in KNOWS[kind]]
    if beyond:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in beyond)
        raise DatasetError(f"{flags}: not for --kind {kind}, which takes {', '.join(KNOWS[kind])}")
    makers: dict[str, Any] = {
        "pairs": make_pairs, "replies": make_replies, "groups": make_groups, "golden": make_golden,
        "edits": make_edits,
    }  # fmt: skip
    made: Dataset = makers[kind](runs, **options)
    typer.echo(f"{len(made)} {kind} of {len(set(made['task_hash']))} tasks")
    if kind == "pairs":
        _tell(made)
        _write_stages(made, save)
    return made


def _tell(pairs: Dataset) -> None:
    failures = Counter(one.partition(":")[0] for one in pairs["failure"])
    typer.echo("rejected for: " + ", ".join(f"{name} ({count})" for name, count in failures.most_common(6)))


def _write_stages(pairs: Dataset, save: Path | None) -> None:
    from soar.hindsight import stages
    from soar.training.folder import save_whole

    if save is None or len(set(pairs["task_hash"])) < 2:
        return
    for name, stage in zip(("easy", "hard"), stages(pairs, EASY, HARD), strict=True):
        place = save.with_name(f"{save.name}-{name}")
        save_whole(stage, place)
        rates = stage["solve_rate"]
        typer.echo(f"{len(stage)} pairs in {place}: tasks with {min(rates):.0%} to {max(rates):.0%} of samples right")
