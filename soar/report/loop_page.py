"""What a report says of a loop: its rounds, what was learnt from in each, and the losses of its trainings."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from soar.evolution.run_folder import RunFolder
from soar.hindsight.dataset import open_sources
from soar.hindsight.relabel import row_task
from soar.hindsight.report import HindsightReport
from soar.hindsight.scan import Source
from soar.loop.config import LoopFolder, loop_rows
from soar.loop.report import COLUMNS, MEANINGS, load_report
from soar.report.search_page import Keep, Search
from soar.report.task_page import pairs
from soar.sandbox import Sandbox
from soar.training.folder import CURVE

ROWS = 48  # of one round that are shown, spread evenly over all
SETS = ("training", "held-out", "target")


def is_loop(run: Path) -> bool:
    """Whether a loop was begun in a folder."""
    return (run / "loop.json").exists()


def searches_of(run: Path) -> list[Search]:
    """Return all searches of a loop, set by set, round by round, those without learning last."""
    folder = LoopFolder(run.absolute())
    places = {"training": folder.path, "held-out": folder.held_out, "target": folder.target}
    found = [_searches(place, name) for name, place in places.items()]
    found += [_searches(folder.control(name), f"{name}, no learning") for name in SETS]
    return [search for searches in found for search in searches]


def _searches(place: Path, name: str) -> list[Search]:
    folder = RunFolder(place)
    rounds = folder.rounds() if (place / "archive.sqlite").exists() else []
    return [Search(folder, number, f"{name} {number}") for number in rounds]


def read_loop(run: Path, keep: Keep, known: dict[str, Any]) -> dict[str, Any]:
    """Return a loop as JSON data; `keep` gets the rows of each round.

    Args:
        run: the folder.
        keep: takes data that is shown on demand, and returns the number under which the page finds it again.
        known: rows that were read before, by folder; filled here. Rows of a round never change.

    Raises:
        LoopError: no loop was run there.
    """
    report = load_report(run)
    folder = LoopFolder(run.absolute())
    places = {"training": folder.path, "target": folder.target}
    learnt = [_learnt(f"{name} {number}", place, keep, folder, known) for name, number, place in _rounds(places)]
    if folder.pooled.exists():
        learnt.append(_learnt("all rounds together", folder.pooled, keep, folder, known))
    table = report.table()
    k = table[0][COLUMNS.index("pass@{k}")].partition("@")[2]
    return {
        "title": run.name,
        "table": table,
        "meanings": MEANINGS.format(k=k),
        "lines": report.lines(),
        "minutes": list(report.minutes.items()),
        "rounds": [_round(one.set, one.number, one.evaluation) for one in report.rounds],
        "learnt": [one for one in learnt if one["losses"] or one["report"] or "rows" in one],
    }


def _round(set: str, number: int, evaluation: Any) -> dict[str, Any]:
    names = ("mean_solved", "oracle")
    found = {name: evaluation.summary[name] for name in names}
    figures = {name: [one.value, one.low, one.high] for name, one in found.items() if one is not None}
    return {"set": set, "number": number} | figures


def _rounds(places: Mapping[str, Path]) -> Iterator[tuple[str, int, Path]]:
    for name, place in places.items():
        numbers = (path.name.partition("-")[2] for path in place.glob("iteration-*"))
        for number in sorted(int(one) for one in numbers if one.isdecimal()):
            yield name, number, place / f"iteration-{number}"


def _learnt(title: str, place: Path, keep: Keep, loop: LoopFolder, known: dict[str, Any]) -> dict[str, Any]:
    report = RunFolder(place).read("report.json")
    found: dict[str, Any] = {"title": title, "report": _hindsight(report) if report else [], "losses": _losses(place)}
    dataset = place / "dataset"
    if not dataset.exists() or importlib.util.find_spec("datasets") is None:
        return found
    if str(place) not in known:
        known[str(place)] = _rows(dataset, loop)
    count, rows = known[str(place)]
    return found | {"count": count, "rows": keep(rows)}


def _hindsight(data: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What became of the attempts, as hindsight's own report says it, or what another signal than rows holds."""
    if "method" in data:
        return [
            (name, str(count), f"of {data['tasks']} tasks, for {data['method']}")
            for name, count in data["rows"].items()
        ]
    names = HindsightReport.__dataclass_fields__
    kinds = {name: Counter(data[name]) for name in names if names[name].default_factory is Counter and name in data}
    return HindsightReport(**{name: data[name] for name in names if name in data} | kinds).lines()


def _losses(place: Path) -> list[list[float | None]]:
    """Step, loss and share of tokens right (sft tells it), of each step; without a line that is being written."""
    file = place / "adapter" / CURVE
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    steps = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
    return [[one["step"], round(one["loss"], 5), _rounded(one["token_accuracy"])] for one in steps if "loss" in one]


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def _rows(dataset: Path, loop: LoopFolder) -> tuple[int, dict[str, Any]]:
    """How many rows there are, and some of them with pictures of what they show."""
    from datasets import load_from_disk

    made = load_from_disk(str(dataset))
    if "program" not in made.column_names:  # pairs and groups: what is drawn here is a program and its task
        return len(made), {"rows": []}
    count = min(len(made), ROWS)
    chosen = [made[place * len(made) // count] for place in range(count)]
    runs = [place for place in (loop.path, loop.target) if (place / "archive.sqlite").exists()]
    seed = loop_rows([loop.path]).get("seed", 0)
    with ExitStack() as stack:
        sources = open_sources(runs, "all", stack)
        sandbox = stack.enter_context(Sandbox(workers=1, limits=sources[0].limits))
        return len(made), {"rows": [_row(sources, row, seed, sandbox) for row in chosen]}


def _row(sources: list[Source], row: dict[str, Any], seed: int, sandbox: Sandbox) -> dict[str, Any]:
    known = any(row["task_hash"] in source.tasks for source in sources)  # rows of other runs (--pool) may be of others
    task = row_task(sources, row, seed, sandbox) if known else None
    plain = ("kind", "task_id", "found_at", "symmetry", "train_accuracy", "test_accuracy", "parent_accuracy", "program")
    return {name: row[name] for name in plain} | {
        "prompt": "".join(message["content"] for message in row["prompt"]) + row["prefill"],
        "completion": row["completion"],
        "train": pairs(task.train) if task else [],
        "test": pairs(task.test) if task else [],
    }
