"""The searches of a loop, read from its folder, and one vote over the attempts of several."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soar.core.custom import value_of
from soar.programs.voting import Vote, Weighting

if TYPE_CHECKING:
    from soar.evaluation import Evaluation
    from soar.evolution.results import SearchResults

JOINT = "one-vote.json"  # beside the evaluation of the last search of a set
STATE = "teacher.json"  # beside that of a search which a teacher guided: what it knows afterwards


@dataclass(frozen=True, slots=True)
class Round:
    """One search of a set of tasks, and what was learnt from it.

    Attributes:
        set: "training", "held-out" or "target".
        number: the round.
        evaluation: of the search.
        learnt: what hindsight made of it (`HindsightReport.to_json`, `SignalReport.to_json`); None where nothing was
            learnt from it.
        minutes: of each stage by its kind: "search", "hindsight", "training".
    """

    set: str
    number: int
    evaluation: Evaluation
    learnt: dict[str, Any] | None
    minutes: dict[str, float]

    @property
    def rows(self) -> dict[str, int]:
        """Number of rows of each kind that were made of it; empty where nothing was learnt from it."""
        return {} if self.learnt is None else self.learnt["rows"]

    @property
    def method(self) -> str:
        """By which the round learnt; empty where nothing was learnt from it."""
        return "" if self.learnt is None else self.learnt.get("method", "sft")

    @property
    def title(self) -> str:
        """As in the table."""
        return f"{self.set} {self.number}"


def evaluated(run: Path) -> list[int]:
    """Numbers of the rounds that have an evaluation, in order."""
    return sorted(int(file.parent.name.split("-")[1]) for file in run.glob("iteration-*/evaluation.json"))


def rounds_in(name: str, run: Path, minutes: dict[str, float]) -> Iterator[Round]:
    """Read the searches of one set of tasks, in order; minutes are those of the loop's stages, by title."""
    before = {"training": "", "held-out": "held-out ", "target": "test-time "}[name]
    for number in evaluated(run):
        place = run / f"iteration-{number}"
        evaluation = _evaluation(place / "evaluation.json")
        report = place / "report.json"
        learnt = json.loads(report.read_text(encoding="utf-8")) if report.exists() else None
        kinds = {kind: minutes.get(f"{before}{kind} {number}") for kind in ("search", "hindsight", "training")}
        yield Round(
            name, number, evaluation, learnt, {kind: value for kind, value in kinds.items() if value is not None}
        )


def one_vote(run: Path, last: SearchResults, evaluation: Evaluation) -> Evaluation:
    """Vote once over the attempts of all searches of a set of tasks: those evaluated before, and the last."""
    from soar.evaluation import vote_runs
    from soar.evolution.results import load_run

    numbers = [number for number in evaluated(run) if number != last.config.iteration]
    runs = [*(load_run(run, number) for number in numbers), last]
    members = [*(_evaluation(run / f"iteration-{number}" / "evaluation.json") for number in numbers), evaluation]
    weight: Weighting | Vote = value_of(last.config.vote_weight, "vote_weight")
    return vote_runs(runs, c=last.config.vote_c, weight=weight, embedder=None, members=members).evaluation


def joint_vote(run: Path) -> Evaluation | None:
    """Read the vote over all searches of a set; None where it was not made, or more searches followed."""
    numbers = evaluated(run)
    if not numbers:
        return None
    file = run / f"iteration-{numbers[-1]}" / JOINT
    return _evaluation(file) if file.exists() else None


def evaluation_in(run: Path, number: int) -> Evaluation | None:
    """Read the evaluation of a round of a run; None where there is none."""
    file = run / f"iteration-{number}" / "evaluation.json"
    return _evaluation(file) if file.exists() else None


def records_in(run: Path) -> dict[int, dict[str, int]]:
    """Read by iteration how many tasks a teacher had searched, and how many its record has in each state."""
    files = {int(file.parent.name.split("-")[1]): file for file in run.glob(f"iteration-*/{STATE}")}
    found = {number: json.loads(file.read_text(encoding="utf-8")) for number, file in sorted(files.items())}
    return {number: {"searched": one["searched"], **one["states"]} for number, one in found.items()}


def _evaluation(file: Path) -> Evaluation:
    from soar.evaluation import Evaluation

    return Evaluation.from_json(json.loads(file.read_text(encoding="utf-8")))
