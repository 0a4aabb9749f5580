"""What a loop has brought so far, read from its folder: a table of rounds, comparisons, minutes."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soar.core.files import write_whole
from soar.evolution.run_folder import RunFolder
from soar.loop.config import LoopError, LoopFolder
from soar.loop.history import Round, evaluation_in, joint_vote, records_in, rounds_in

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table

    from soar.evaluation import Comparison, Estimate, Evaluation

COLUMNS = (
    "search",
    "solved",
    "by the vote, %",
    "oracle",
    "pass@1",
    "pass@{k}",
    "answers",
    "method",
    "rows",
    "minutes",
    "adapter",
)
MEANINGS = (
    "solved: tasks with every test input hit by one of two predictions; by the vote: mean over tasks of the share of "
    "test inputs hit (the paper's reading), with its 95% interval over tasks; oracle: the same, were every attempt a "
    "prediction; pass@1 of the samples, pass@{k} of all completions; answers: different ones to the tests, per task; "
    "method: how what came of the search was learnt; rows: what was learnt from, sampling + refinement; "
    "minutes: search + hindsight + training; "
    "one vote: over the attempts of all searches of a set; no learning: one search of the base model with as many "
    "completions as all of them."
)


@dataclass(frozen=True)
class LoopReport:
    """What a loop has brought; prints itself, draws itself in a notebook.

    Attributes:
        run: the folder.
        rounds: every search that was brought to its end: of the training tasks, the held-out ones, the targets.
        joint: by set, of one vote over the attempts of all its searches, where there are several and the last is done.
        control: by set, of one search without learning, with as many completions as all searches of the set had.
        minutes: of each stage, by its title. A stage that was killed counts from its last start on.
        killed: titles of stages that were killed and started again.
        stopped: why the loop was stopped; None where it came to its end.
        difficulty: by iteration, what a teacher's difficulty record says after its search: tasks searched, and how many
            are in which state. Empty without a teacher.
    """

    run: Path
    rounds: tuple[Round, ...] = field(repr=False)
    joint: dict[str, Evaluation] = field(repr=False)
    control: dict[str, Evaluation] = field(repr=False)
    minutes: dict[str, float] = field(repr=False)
    killed: tuple[str, ...] = ()
    stopped: str | None = None
    difficulty: dict[int, dict[str, int]] = field(default_factory=dict, repr=False)

    def of(self, set: str) -> list[Round]:
        """The rounds of one set, in order."""
        return [one for one in self.rounds if one.set == set]

    @cached_property
    def comparisons(self) -> dict[str, Comparison]:
        """For each set with two searches or more, the last compared with the first, task by task."""
        from soar.evaluation import compare

        found = {}
        for name in dict.fromkeys(one.set for one in self.rounds):
            rounds = self.of(name)
            if len(rounds) > 1 and any(row.solved is not None for row in rounds[0].evaluation.per_task):
                found[name] = compare(rounds[0].evaluation, rounds[-1].evaluation)
        return found

    def to_json(self) -> dict[str, Any]:
        """All figures as JSON data."""
        return {
            "rounds": [
                {
                    "set": one.set, "number": one.number, "adapter": one.evaluation.adapter, "rows": one.rows,
                    "method": one.method,
                    "minutes": one.minutes,
                    "summary": _summary(one.evaluation),
                }
                for one in self.rounds
            ],
            "one_vote": {name: _summary(one) for name, one in self.joint.items()},
            "control": {name: _summary(one) for name, one in self.control.items()},
            "comparisons": {name: one.to_json() for name, one in self.comparisons.items()},
            "minutes": self.minutes,
            "killed": self.killed,
            "stopped": self.stopped,
            **({"difficulty": self.difficulty} if self.difficulty else {}),
        }  # fmt: skip

    def table(self) -> list[tuple[str, ...]]:
        """The table as text: its header, and a row per search."""
        header = tuple(column.format(k=self._k) for column in COLUMNS)
        rows = []
        for name in dict.fromkeys(one.set for one in self.rounds):
            rows += [self._row(one) for one in self.of(name)]
            if name in self.joint:
                rows.append(self._figures(f"{name}, one vote", self.joint[name], "", "", "", ""))
            if name in self.control:
                minutes = f"{self.minutes.get(f'{name} control 0', 0):.1f}"
                rows.append(self._figures(f"{name}, no learning", self.control[name], "", "", minutes, ""))
        return [header, *rows]

    @property
    def _k(self) -> int:
        """The largest power of two of completions that some task has in every search."""
        most = min((max(row.completions for row in one.evaluation.per_task) for one in self.rounds), default=1)
        return 1 << max(most.bit_length() - 1, 0)

    def _row(self, one: Round) -> tuple[str, ...]:
        of_sft = "+".join(str(one.rows.get(kind, 0)) for kind in ("sample", "refine"))
        others = ", ".join(f"{count} {kind}" for kind, count in one.rows.items())
        rows = "" if not one.rows else of_sft if one.method == "sft" else others
        minutes = "+".join(f"{minutes:.1f}" for minutes in one.minutes.values())
        return self._figures(one.title, one.evaluation, one.method, rows, minutes, one.evaluation.adapter or "base")

    def _figures(self, title: str, evaluation: Evaluation, *more: str) -> tuple[str, ...]:
        graded = [row.solved for row in evaluation.per_task if row.solved is not None]
        vote = evaluation.summary["mean_solved"]
        answers = evaluation.summary["unique_outputs"]
        interval = f" [{100 * vote.low:.1f}, {100 * vote.high:.1f}]" if vote is not None else ""
        return (
            title,
            f"{sum(graded) if graded else '?'}/{len(evaluation.per_task)}",
            _percent(vote) + interval,
            _percent(evaluation.summary["oracle"]),
            _percent(evaluation.pass_at(1, sampled=True)),
            _percent(evaluation.pass_at(self._k)),
            "?" if answers is None else f"{answers.value:.1f}",
            *more,
        )

    def lines(self) -> list[str]:
        """What is to be said beside the table."""
        from soar.evaluation import compare

        lines = [
            f"{name} {self.of(name)[0].number} -> {self.of(name)[-1].number}: {_compared(comparison)}"
            for name, comparison in self.comparisons.items()
        ]
        for name, control in self.control.items():
            if name in self.joint:
                against = _compared(compare(control, self.joint[name]))
                lines.append(f"{name}, one vote against as many completions without learning: {against}")
        for number, counts in self.difficulty.items():
            states = ", ".join(f"{count} {name}" for name, count in counts.items() if name != "searched" and count)
            lines.append(f"search {number}, of {counts['searched']} tasks; difficulty record: {states}")
        if self.minutes:
            lines.append(f"{sum(self.minutes.values()):.1f} minutes in all")
        if self.killed:
            lines.append(f"Started again after a kill, minutes from the last start: {', '.join(self.killed)}")
        if self.stopped is not None:
            lines.append(f"Stopped: {self.stopped}. The same call goes on from there.")
        return lines

    def markdown(self) -> str:
        """The report as a page, with the pictures that lie in `plots`."""
        header, *rows = self.table()
        body = "\n".join(f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows))
        pictures = sorted((self.run / "plots").glob("*.svg"))
        drawn = "\n\n".join(f"![{one.stem}](plots/{one.name})" for one in pictures)
        said = "\n".join(f"- {line}" for line in self.lines())
        return f"# {self.run.name}\n\n{body}\n\n{MEANINGS.format(k=self._k)}\n\n{said}\n\n{drawn}\n"

    def __str__(self) -> str:
        header, *rows = self.table()
        widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
        table = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (header, *rows)
        ]
        return "\n".join([*(line.rstrip() for line in table), "", *self.lines()])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.console import Group
        from rich.measure import Measurement
        from rich.text import Text

        table = self._rich_table(stacked=False)
        if Measurement.get(console, options.update(width=1000), table).maximum > options.max_width:
            table = self._rich_table(stacked=True)
        yield Group(table, Text(f"\n{MEANINGS.format(k=self._k)}\n", style="dim"), *map(Text, self.lines()))

    def _rich_table(self, stacked: bool) -> Table:
        """The table without names of adapters; stacked: with cells of several lines, for a narrow terminal."""
        from rich.table import Table
        from rich.text import Text

        header, *rows = self.table()
        table = Table(title=Text(self.run.name), title_justify="left", box=None, padding=(0, 1, 0, 0))
        for name in header[:-1]:
            table.add_column(_stacked(name) if stacked else name, no_wrap=True)
        for row, above in zip(rows, [header, *rows], strict=False):
            if row[0].replace(",", " ").split()[0] != above[0].replace(",", " ").split()[0]:
                table.add_row()
            table.add_row(*(Text(_stacked(cell) if stacked else cell) for cell in row[:-1]))
        return table

    def _repr_html_(self) -> str:
        header, *rows = self.table()
        body = "".join("<tr><td>" + "<td>".join(map(escape, row)) + "</tr>" for row in rows)
        said = "".join(f"<p>{escape(line)}</p>" for line in self.lines())
        return f"<table><tr><th>{'<th>'.join(map(escape, header))}</tr>{body}</table>{said}"


def load_report(run: str | Path, stopped: str | None = None) -> LoopReport:
    """Return what the loop in a folder has brought so far, also while it is under way.

    Raises:
        LoopError: no loop was run there.
    """
    folder = LoopFolder(Path(run).absolute())
    if not (folder.path / "loop.json").exists():
        raise LoopError(f"{run} holds no loop: give the folder that soar iterate --run was given")
    minutes, killed = _minutes(RunFolder(folder.path))
    sets = {"training": folder.path, "held-out": folder.held_out, "target": folder.target}
    rounds = [one for name, place in sets.items() for one in rounds_in(name, place, minutes)]
    joint = {name: found for name, place in sets.items() if (found := joint_vote(place)) is not None}
    control = {name: one for name in sets if (one := evaluation_in(folder.control(name), 0)) is not None}
    return LoopReport(folder.path, tuple(rounds), joint, control, minutes, killed, stopped, records_in(folder.path))


def write_report(run: Path) -> LoopReport:
    """Write `report.md` and `report.json` of what the loop in a folder has brought so far, and the plots; return it."""
    report = load_report(run)
    _draw(report)
    RunFolder(run).write("report.json", report.to_json())
    write_whole(run / "report.md", report.markdown())  # whoever reads it beside the loop finds a whole one
    return report


def _draw(report: LoopReport) -> None:
    """Draw what there is into `plots`, as .svg and .png."""
    from soar.evaluation import plots

    groups = {name: [one.evaluation for one in report.of(name)] for name in dict.fromkeys(r.set for r in report.rounds)}
    drawn = {"solved-by-round": plots.solved_by_round(groups), "pass-by-round": plots.pass_by_round(groups)}
    distances = ("distance_solved", "distance_unsolved")
    if any(one.evaluation.summary[name] is not None for one in report.rounds for name in distances):
        drawn["diversity-by-round"] = plots.diversity_by_round(groups)
    for name, evaluations in groups.items():
        drawn[f"solved-by-completions-{name}"] = plots.solved_by_completions(evaluations)
    reports = [one.learnt for one in report.of("training") if one.learnt is not None and one.method == "sft"]
    if reports:
        drawn["rows-by-bin"] = plots.rows_by_bin(reports)
    for name, plot in drawn.items():
        plot.save(report.run / "plots" / name)


def _summary(evaluation: Evaluation) -> dict[str, Any]:
    return {name: value and value.to_json() for name, value in evaluation.summary.items()}


def _minutes(folder: RunFolder) -> tuple[dict[str, float], tuple[str, ...]]:
    """Minutes by stage, and the stages that were begun more often than they came to an end or a stop."""
    minutes: dict[str, float] = defaultdict(float)
    open_starts: dict[str, int] = defaultdict(int)
    for line in folder.metrics():
        if "stage" in line:
            open_starts[line["stage"]] += 1 if "began" in line else -1
            if "seconds" in line:
                minutes[line["stage"]] += line["seconds"] / 60
    return dict(minutes), tuple(stage for stage in minutes if open_starts[stage] > 0)


def _stacked(cell: str) -> str:
    """A heading or cell in lines where it can be parted: after a comma, before an interval, after +, after @."""
    cell = re.sub(r" (?=\[)|(?<=by the) |(?<=[+@])", "\n", cell)
    return cell if "\n" in cell else cell.replace(", ", ",\n", 1)


def _percent(value: Estimate | None) -> str:
    return "?" if value is None else f"{100 * value.value:.1f}"


def _compared(comparison: Comparison) -> str:
    """Gained, lost, and by how much, in one line."""
    line = f"{len(comparison.gained)} tasks gained, {len(comparison.lost)} lost (McNemar p = {comparison.p:.2g})"
    for name, title in (("mean_solved", "by the vote"), ("oracle", "oracle"), ("sampled_pass@1", "pass@1")):
        if (value := comparison.differences.get(name)) is not None:
            line += f"; {title} {100 * value.value:+.1f} points [{100 * value.low:+.1f}, {100 * value.high:+.1f}]"
    return line
