"""The results of many tasks as a table and in words, in a terminal or a notebook."""

from __future__ import annotations

from collections.abc import Mapping, ValuesView
from html import escape
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from soar.evolution.config import SearchConfig
from soar.evolution.result import SearchResult
from soar.evolution.summary import Summary
from soar.evolution.wording import cut_warning
from soar.models.openai.prices import dollars

if TYPE_CHECKING:
    from rich.console import RenderableType


SHOWN = 30  # rows of a table that is not asked for in full
NAMED = 10  # tasks in a line of words
COLUMNS = ("task", "solved", "attempts", "programs", "solve all examples", "failed to run")


class Results(Protocol):
    """What a table shows; see `soar.evolution.results.SearchResults`."""

    run: Path
    config: SearchConfig
    twins: dict[str, str]

    @property
    def summary(self) -> Summary:
        """How much is solved."""
        ...

    @property
    def events(self) -> dict[str, int]:
        """How often what happened on the way."""
        ...

    @property
    def cut(self) -> tuple[int, int]:
        """How many replies were cut, and the length of the longest."""
        ...

    def values(self) -> ValuesView[SearchResult]:
        """The results, task by task."""
        ...


def results_to_text(results: Results) -> str:
    """A line for each of the first tasks, and the summary."""
    return "\n".join([*(result.summary for result in islice(results.values(), SHOWN)), *lines(results)])


def results_to_rich(results: Results, shown: int | None = SHOWN) -> RenderableType:
    """A table of the first tasks, with None of all, and the summary."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(*COLUMNS)
    for result in islice(results.values(), shown):
        table.add_row(*map(Text, _row(result)))
    return Group(table, *map(Text, lines(results, shown)))


def results_to_html(results: Results) -> str:
    """A table of the first tasks, and the summary."""
    header = "<tr><th>" + "<th>".join(COLUMNS) + "</tr>"
    cells = (map(escape, _row(result)) for result in islice(results.values(), SHOWN))
    rows = "".join("<tr><td>" + "<td>".join(row) + "</tr>" for row in cells)
    return f"<table>{header}{rows}</table>" + "".join(f"<p>{escape(line)}</p>" for line in lines(results))


def _row(result: SearchResult) -> tuple[str, ...]:
    if result.skipped:
        return (result.task.id, f"not searched: {result.skipped}", "0", "0", "0", "0")
    stats = result.stats
    if not stats.completions:
        return (result.task.id, "waiting", "0", "0", "0", "0")
    solved = {True: "yes", False: "no", None: "unknown"}[result.solved]
    failed = stats.errors + stats.timeouts + stats.other_failures
    return (result.task.id, solved, *map(str, (stats.completions, stats.programs, stats.solving_examples, failed)))


def lines(results: Results, shown: int | None = SHOWN) -> list[str]:
    """What the table of so many rows leaves out, and the summary, in words."""
    summary = results.summary
    parts = [_rest(results, shown), _twins(results.twins), *_solved(summary), _spent(summary), *_failed(summary)]
    parts += [cut_warning(results.cut, summary.completions), _events(results.events)]
    if waiting := sum(not one.skipped and not one.stats.completions for one in results.values()):
        parts.append(f"Waiting, not begun, and counted as not solved above: {waiting} of {summary.tasks} tasks")
    if summary.ended:
        enough = f"{results.config.enough} programs solve all their examples (stop_when_solved)"
        parts.append(f"Asked no further: {summary.ended} tasks because {enough}")
    if summary.searched < summary.tasks:
        parts.append(f"Not searched: {summary.tasks - summary.searched} tasks")
    if summary.set_aside:
        parts.append(f"Answered only by attempts that a rule set aside: {summary.set_aside} tasks")
    return [part for part in parts if part]


def _rest(results: Results, shown: int | None) -> str:
    rest = [] if shown is None else list(islice(results.values(), shown, None))
    if not rest:
        return ""
    solved = sum(result.solved is True for result in rest)
    return f"... and {len(rest)} more tasks, {solved} of them solved; all rows: soar show {results.run} --all"


def _twins(twins: Mapping[str, str]) -> str:
    if not twins:
        return ""
    named = [f"{other} as {id}" for other, id in islice(twins.items(), NAMED)]
    more = f" and {len(twins) - NAMED} more" if len(twins) > NAMED else ""
    return f"Searched together, because they are equal, and counted once: {', '.join(named)}{more}"


def _solved(summary: Summary) -> list[str]:
    if summary.mean_solved is None or summary.outputs_solved is None or summary.oracle is None:
        return []
    return [
        f"Solved: {summary.tasks_solved} of {summary.graded} tasks with every test input right; "
        f"{summary.mean_solved:.2%} as mean over tasks (the paper's reading), {summary.outputs_solved:.2%} of all "
        f"test outputs (Kaggle's); oracle {summary.oracle:.2%}, which the vote misses by "
        f"{100 * (summary.gap or 0):.2f} points"
    ]


def _spent(summary: Summary) -> str:
    """Completions, programs, tokens and cost, in all and for each task that is solved."""
    tokens = f"{summary.tokens} tokens written, {summary.prompt_tokens} read"
    cost = "" if summary.cost is None else f", {dollars(summary.cost)}"
    each = ""
    if summary.tasks_solved:
        price = "" if summary.cost is None else f", {dollars(summary.cost / summary.tasks_solved)}"
        each = f" (for each solved task {round(summary.tokens / summary.tasks_solved)} written{price})"
    return (
        f"Programs that solve all examples: in {summary.examples_solved} of {summary.tasks} tasks; "
        f"{summary.completions} completions, {summary.programs} programs, {summary.parse_failures} without a program; "
        f"{tokens}{cost}{each}"
    )


def _failed(summary: Summary) -> list[str]:
    if not summary.completions:
        return []
    parts = {"no program": summary.parse_failures, **summary.failures}
    rates = ", ".join(f"{name} {count / summary.completions:.1%}" for name, count in parts.items())
    return [f"Failed: {rates} of the completions; {summary.unique_outputs} different answers to tests"]


def _events(events: Mapping[str, int]) -> str:
    counts = ", ".join(f"{kind} {count} times" if count > 1 else kind for kind, count in events.items())
    return f"On the way: {counts}" if counts else ""
