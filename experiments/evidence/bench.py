"""What all parts of the evidence share: tasks, seeds, budgets, results on disk. The protocol is docs/evidence.md."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import load_from_disk
from rich.console import Console

import soar
from soar.evaluation import Estimate, Evaluation, differences, evaluate, summarize
from soar.evolution.api import search
from soar.evolution.results import SearchResults
from soar.evolution.slices import readable_by_mini
from soar.hindsight import make_dataset
from soar.loop.config import LoopConfig
from soar.models.adapter import Adapter
from soar.tasks.sets import TaskSet, drop_overlap
from soar.training.job import train

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "evidence.md"
RESULTS = Path(__file__).parent / "results"
RUNS = Path("runs/evidence")
SEEDS = (10, 11, 12)  # options were tuned with seeds 0, 1 and 5
REPEATED = 2  # how many of them all parts but the first take
BUDGET: dict[str, Any] = {"samples": 32, "refinements": 32}
HEAD = ("model", "adapter", "iteration", "vote_c", "vote_weight")
AS_TEXT = ("failures", "curve")
DEFAULT_ROWS = LoopConfig.for_model("mini", {}).hindsight.rows()
ROUNDS = 4
BASE = "round 0 (base model)"
NAMES = {0: BASE, **{number: f"round {number}" for number in range(1, ROUNDS + 1)}}
EACH_ROUND = [(arm, BASE if number else None) for number, arm in NAMES.items()]
HELD_OUT = [("held out, before", None), ("held out, after", "held out, before")]
KS = (1, 8, 32)
COLUMNS = {
    "sampled_pass@1": "pass@1",
    "sampled_pass@8": "pass@8",
    "sampled_pass@32": "pass@32",
    "mean_solved": "solved by the vote",
    "oracle": "oracle",
}


@dataclass(frozen=True, slots=True)
class Slices:
    """The tasks: searched and learned from; searched only; evaluation tasks, for test time. No two share an example."""

    training: TaskSet
    held_out: TaskSet
    target: TaskSet


def slices() -> Slices:
    """Return the fixed slices: see the protocol."""
    training, evaluation = soar.load_tasks("arc-agi-1/training"), soar.load_tasks("arc-agi-1/evaluation")
    order, target = readable_by_mini(training), readable_by_mini(drop_overlap(evaluation, training))
    return Slices(order[:100], order[140:200], target[:100])


class Cells:
    """Evaluations by arm and seed, in a Parquet file with a row per task; each is measured once and kept at once."""

    def __init__(self, name: str) -> None:
        self.path = RESULTS / f"{name}.parquet"
        self.rows: list[dict[str, Any]] = pq.read_table(self.path).to_pylist() if self.path.exists() else []

    def get(self, arm: str, seed: int) -> Evaluation | None:
        """Return a cell, None where it is not measured yet."""
        mine = [row for row in self.rows if row["arm"] == arm and row["seed"] == seed]
        if not mine:
            return None
        per_task = [row | {name: json.loads(row[name]) for name in AS_TEXT} for row in mine]
        head = {name: mine[0][name] for name in HEAD}
        return Evaluation.from_json({"label": arm, "seed": seed, **head, "per_task": [_bare(row) for row in per_task]})

    def of_adapter(self, adapter: str | None, seed: int) -> Evaluation | None:
        """Return a cell with this adapter: equal rows make an adapter of the same name, and need one search."""
        arms = (row["arm"] for row in self.rows if (row["adapter"], row["seed"]) == (adapter, seed))
        return self.get(next(arms, ""), seed)

    def measure(self, arm: str, seed: int, make: Callable[[], Evaluation]) -> Evaluation:
        """Return a cell, made and kept where it is not yet there."""
        known = self.get(arm, seed)
        if known is not None:
            return known
        Console().print(f"{self.path.stem}: {arm}, seed {seed}", highlight=False)
        made = make()
        head = {"arm": arm, "seed": seed, **{name: getattr(made, name) for name in HEAD}}
        rows = [asdict(row) for row in made.per_task]
        self.rows += [head | row | {name: json.dumps(row[name]) for name in AS_TEXT} for row in rows]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".new")
        pq.write_table(pa.Table.from_pylist(self.rows), draft, compression="zstd")
        draft.replace(self.path)
        return made

    def arms(self) -> dict[str, dict[int, Evaluation]]:
        """Return all cells by arm, then seed, in the order in which arms were first measured."""
        found: dict[str, dict[int, Evaluation]] = {}
        for arm, seed in dict.fromkeys((row["arm"], row["seed"]) for row in self.rows):
            cell = self.get(arm, seed)
            assert cell is not None
            found.setdefault(arm, {})[seed] = cell
        return found


def _bare(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("arm", "seed", *HEAD)}


def searched(tasks: TaskSet, run: Path, seed: int, model: Any = "mini", **options: Any) -> SearchResults:
    """Search, or go on searching; with the budget of the protocol unless told otherwise."""
    results = search(tasks, model, run=run, seed=seed, progress=True, **{**BUDGET, **options})
    if results.stopped is not None:  # half a search is no result
        raise SystemExit(f"stopped: {results.stopped}; the same command goes on")
    return results


def search_cell(tasks: TaskSet, run: Path, seed: int, **options: Any) -> Callable[[], Evaluation]:
    """Return what makes the evaluation of a search."""
    return lambda: evaluate(searched(tasks, run, seed, **options))


def learned(place: Path, seed: int, iteration: int | Literal["all"], kind: str | None = None, **rows: Any) -> Adapter:
    """Return an adapter trained on rows of the searches that the loop of part 1 made with this seed; made once.

    Args:
        place: where rows and adapter are kept.
        iteration: round of that loop; 0 is the base model's search.
        kind: of the rows: "sample" or "refine"; None: both.
        rows: options of `make_dataset`.
    """
    loop = RUNS / f"loop-{seed}"
    if not (loop / "iteration-0" / "evaluation.json").exists():
        raise SystemExit(f"no searches to learn from in {loop}: run experiments/evidence/learning.py first")
    if not (place / "rows").exists():
        made, _ = make_dataset(loop, iteration=iteration, seed=seed, **(DEFAULT_ROWS | rows))
        chosen = made if kind is None else made.filter(lambda row: row["kind"] == kind)
        chosen.save_to_disk(place / "rows.new")
        (place / "rows.new").rename(place / "rows")
    return train(load_from_disk(place / "rows"), "mini", place / "adapter", progress=True)


def loop(tasks: Slices, run: Path, seed: int, **more: Any) -> None:
    """Run the loop on the training slice, or go on with it; by default options unless told otherwise."""
    options = {"iterations": ROUNDS, "seed": seed, **BUDGET, **more}
    soar.iterate(tasks.training, held_out=tasks.held_out, run=run, progress=True, **options)


def measure_loop(cells: Cells, tasks: Slices, run: Path, seed: int) -> None:
    """Run the loop where a cell is missing: one for each round, and the held-out slice before and after."""
    places = {arm: run / f"iteration-{number}" for number, arm in NAMES.items()}
    for arm, number in zip(dict(HELD_OUT), (0, ROUNDS), strict=True):
        places[arm] = run / "held-out" / f"iteration-{number}"
    if not all(cells.get(arm, seed) for arm in places):
        loop(tasks, run, seed)
    for arm, place in places.items():
        cells.measure(arm, seed, loop_cell(place / "evaluation.json"))


def loop_cell(figures: Path) -> Callable[[], Evaluation]:
    """Return what reads an evaluation that the loop left."""
    return lambda: Evaluation.from_json(json.loads(figures.read_text()))


def table(arms: Sequence[tuple[str, str | None]], found: Mapping[str, Mapping[int, Evaluation]]) -> list[list[str]]:
    """Return rows of text: arm, seeds, and each figure in percent, with its difference from another arm's.

    Args:
        arms: (arm, the arm it is compared with or None).
        found: of `Cells.arms`; arms that are not there are left out.
    """
    rows = []
    for arm, base in arms:
        mine = found.get(arm, {})
        if not mine:
            continue
        against = found.get(base or "", {})
        shared = sorted(mine.keys() & against.keys())
        means = summarize(list(mine.values()), list(COLUMNS), KS)
        changes = differences([against[s] for s in shared], [mine[s] for s in shared], KS) if shared else {}
        rows.append([arm, str(len(mine)), *(text(means[name], changes.get(name)) for name in COLUMNS)])
    return rows


def text(mean: Estimate | None, change: Estimate | None = None) -> str:
    """`12.5 (+1.0 [-0.5, +2.5])`, in percent."""
    if mean is None:
        return ""
    difference = "" if change is None else f" ({signed(change.value)} [{signed(change.low)}, {signed(change.high)}])"
    return f"{100 * mean.value:.1f}{difference}"


def signed(share: float) -> str:
    """`+1.0`, in percent."""
    return f"{100 * share:+.1f}"


def put(name: str, header: Sequence[str], rows: Sequence[Sequence[str]], page: Path | None = None) -> None:
    """Write a table between its marks in a page, by default docs/evidence.md, and print it."""
    page = page or PAGE
    lines = ["| " + " | ".join(line) + " |" for line in (header, ["---"] * len(header), *rows)]
    block = "\n".join(lines) if rows else "Not measured yet."
    mark = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    before = page.read_text(encoding="utf-8")
    if not mark.search(before):
        raise SystemExit(f"{page} has no place for {name}: <!-- {name} --> and <!-- /{name} -->")
    page.write_text(mark.sub(lambda found: f"{found[1]}{block}\n{found[2]}", before), encoding="utf-8")
    print(block)


def put_arms(
    name: str, arms: Sequence[tuple[str, str | None]], cells: Cells, paper: Mapping[str, str] | None = None
) -> None:
    """Write the table of arms, with the paper's figures beside them where there are any."""
    rows = table(arms, cells.arms())
    header = ["arm", "seeds", *COLUMNS.values()]
    if paper:
        header, rows = [*header, "paper"], [[*row, paper.get(row[0], "")] for row in rows]
    put(name, header, rows)
