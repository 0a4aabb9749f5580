"""Plots of the loop, drawn from evaluations as they stand in JSON, so that they can be redrawn without the runs."""

from __future__ import annotations

import importlib.util
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from soar.core.errors import SoarError
from soar.core.files import write_whole
from soar.core.hints import install

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from soar.evaluation import Evaluation

Source: TypeAlias = "Evaluation | Mapping[str, Any]"  # an evaluation, or what its `to_json` gave

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe and Ito: told apart by everyone
ROUNDS = ("#9ecae1", "#5aa2cf", "#2171b5", "#084a91", "#08264f")  # later rounds are darker
GREY = "#444444"
BINS = {"0%": "#fdd0a2", "(0, 34%]": "#fd8d3c", "(34%, 98%)": "#d94801", ">=98%": "#7f2704"}
STYLE = {
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.8,
    "svg.hashsalt": "soar",  # the same plot is the same file
}


class PlotError(SoarError):
    """A plot cannot be drawn; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawn plot; shows itself in a notebook.

    Attributes:
        figure: matplotlib's, for changes of your own.
    """

    figure: Figure

    def save(self, path: str | Path) -> list[Path]:
        """Write `path` with the suffixes .svg and .png, or with its own if it has one of them; return the files."""
        path = Path(path)
        files = [path] if path.suffix in (".svg", ".png") else [Path(f"{path}.svg"), Path(f"{path}.png")]
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, self._drawn(file.suffix[1:]))
        return files

    def _drawn(self, kind: str) -> bytes:
        from matplotlib import rc_context

        buffer = io.BytesIO()
        with rc_context(STYLE):
            self.figure.savefig(buffer, format=kind, dpi=160, metadata={"Date": None} if kind == "svg" else None)
        return buffer.getvalue()

    def _repr_svg_(self) -> str:
        return self._drawn("svg").decode()


def solved_by_round(groups: Mapping[str, Sequence[Source]]) -> Plot:
    """Draw what is solved (mean over tasks) round by round: the vote as a line with its interval, the oracle dashed.

    Args:
        groups: name of a set of tasks, such as "training" and "held-out" -> its evaluations, which need not be of
            every round.
    """
    kinds = {"mean_solved": "vote", "oracle": "oracle"}
    return _by_round("Solved by round", "test inputs right, mean over tasks", groups, kinds)


def pass_by_round(groups: Mapping[str, Sequence[Source]]) -> Plot:
    """Draw how often a single sampled program is right (pass@1, mean over tasks) round by round, with its interval.

    Args:
        groups: as for `solved_by_round`.
    """
    title = "A single program is right, by round"
    return _by_round(title, "pass@1, mean over tasks", groups, {"sampled_pass@1": "pass@1"})


def _by_round(title: str, y: str, groups: Mapping[str, Sequence[Source]], kinds: Mapping[str, str]) -> Plot:
    """A line per group and kind of figure; the first kind with its interval, others dashed."""
    figure, axes = _axes(title, "round", y)
    labels = []
    for (name, sources), colour in zip(groups.items(), COLOURS, strict=False):
        for place, (figure_name, kind) in enumerate(kinds.items()):
            rounds, values = _series(sources, figure_name)
            means = [100 * value["value"] for value in values]
            style: dict[str, Any] = {"linestyle": (0, (4, 2)), "linewidth": 1.3, "markersize": 3}
            if place == 0:
                style = {"linestyle": "-", "linewidth": 2, "markersize": 5}
                _band(axes, rounds, values, colour, 100)
            axes.plot(rounds, means, color=colour, marker="o", **style)
            if rounds:
                labels.append((rounds[-1], means[-1], f"{name}, {kind}", colour))
    return _finished(figure, axes, labels, percent=True)


def solved_by_completions(sources: Sequence[Source]) -> Plot:
    """Draw what is solved after so many completions a task, on a log axis: a line per round, the oracle's dashed.

    Intervals are shown of the first and the last round.
    """
    figure, axes = _axes("Solved by completions", "completions per task", "test inputs right, mean over tasks")
    labels = []
    ordered = [data for data in sorted(map(_data, sources), key=_round) if data["curve"]]
    for place, data in enumerate(ordered):
        curve = data["curve"]
        colour = ROUNDS[round(place * (len(ROUNDS) - 1) / max(len(ordered) - 1, 1))] if len(ordered) > 1 else ROUNDS[2]
        budgets = [point["budget"] for point in curve]
        for kind, line, width in (("vote", "-", 2.0), ("oracle", (0, (4, 2)), 1.0)):
            means = [100 * point[kind]["value"] for point in curve]
            axes.plot(budgets, means, color=colour, linestyle=line, linewidth=width)
            last = place == len(ordered) - 1
            if kind == "vote":
                labels.append((budgets[-1], means[-1], f"round {_round(data)}", colour))
            elif last:
                labels.append((budgets[-1], means[-1], "oracle (dashed)", colour))
        if place in (0, len(ordered) - 1):
            _band(axes, budgets, [point["vote"] for point in curve], colour, 100)
    _log_axis(axes)
    return _finished(figure, axes, labels, percent=True)


def diversity_by_round(groups: Mapping[str, Sequence[Source]]) -> Plot:
    """Draw the mean cosine distance of two of a task's programs by round, of solved (line) and unsolved (dashed) tasks.

    Raises:
        PlotError: no evaluation has distances.
    """
    figure, axes = _axes("Diversity of programs by round", "round", "mean pairwise cosine distance")
    labels = []
    for (name, sources), colour in zip(groups.items(), COLOURS, strict=False):
        for kind, line in (("solved", "-"), ("unsolved", (0, (4, 2)))):
            rounds, values = _series(sources, f"distance_{kind}")
            means = [value["value"] for value in values]
            axes.plot(rounds, means, color=colour, linestyle=line, linewidth=2, marker="o", markersize=5)
            _band(axes, rounds, values, colour, 1)
            if rounds:
                labels.append((rounds[-1], means[-1], f"{name}, {kind}", colour))
    if not labels:
        raise PlotError("no evaluation has distances: they were made with embedder=None")
    return _finished(figure, axes, labels, percent=False)


def rows_by_bin(reports: Sequence[Mapping[str, Any]]) -> Plot:
    """Draw the training rows of each round as stacked bars: for sampling, and for refinement by the parent's accuracy.

    Args:
        reports: what `HindsightReport.to_json` gave, round by round.
    """
    figure, axes = _axes("Training rows by round", "round", "rows")
    parts = [("sampling", COLOURS[0], [report["rows"].get("sample", 0) for report in reports])]
    parts += [
        (f"refinement, parent at {name}", colour, [report["bins"].get(name, 0) for report in reports])
        for name, colour in BINS.items()
    ]
    rounds, base = list(range(len(reports))), [0.0] * len(reports)
    for name, colour, counts in parts:
        if not any(counts):
            continue  # nothing to see, and nothing for the legend to name
        axes.bar(rounds, counts, bottom=base, color=colour, width=0.6, label=name, edgecolor="white", linewidth=0.6)
        base = [below + count for below, count in zip(base, counts, strict=True)]
    for x, total in zip(rounds, base, strict=True):
        axes.annotate(f"{total:,.0f}", (x, total), xytext=(0, 3), textcoords="offset points", ha="center", color=GREY)
    axes.set_xticks(rounds)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(visible=False, axis="x")
    axes.set_ylim(0, 1.1 * max([1.0, *base]))  # room for the totals; margins stop at the edges of empty bars
    handles, names = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], names[::-1], loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return Plot(figure)


def _axes(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    if importlib.util.find_spec("matplotlib") is None:
        raise PlotError(f"plots need matplotlib: {install('plots')}")
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(7.5, 4.2), layout="constrained")
        axes = figure.add_subplot()
        axes.set(title=title, xlabel=x, ylabel=y)
    return figure, axes


def _data(source: Source) -> Mapping[str, Any]:
    return source if isinstance(source, Mapping) else source.to_json()


def _round(data: Mapping[str, Any]) -> int:
    if data["iteration"] is None:
        raise PlotError(f"{data['label']} joins several runs and has no round: give evaluations of single rounds")
    return int(data["iteration"])


def _series(sources: Sequence[Source], name: str) -> tuple[list[int], list[dict[str, float]]]:
    """Rounds that know a figure, and its estimates."""
    found = sorted(
        ((_round(data), data["summary"].get(name)) for data in map(_data, sources)), key=lambda pair: pair[0]
    )
    known = [(number, value) for number, value in found if value is not None]
    return [number for number, _ in known], [value for _, value in known]


def _band(axes: Axes, xs: Sequence[int], values: Sequence[Mapping[str, float]], colour: str, scale: float) -> None:
    low, high = ([scale * value[side] for value in values] for side in ("low", "high"))
    axes.fill_between(xs, low, high, color=colour, alpha=0.13, linewidth=0)
    if len(xs) == 1:
        axes.vlines(xs, low, high, color=colour, alpha=0.4, linewidth=6)  # a band without a width would not be seen


def _log_axis(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(LogLocator(base=2))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _finished(figure: Figure, axes: Axes, labels: Sequence[tuple[float, float, str, str]], percent: bool) -> Plot:
    """Name each line at its end, no name on another, and give the axes their last touch."""
    axes.set_ylim(bottom=0)
    if percent:
        axes.yaxis.set_major_formatter("{x:g}%")
    if axes.get_xscale() == "linear":
        axes.set_xticks(range(math.ceil(axes.get_xlim()[0]), math.floor(axes.get_xlim()[1]) + 1))
    right = max((x for x, *_ in labels), default=0)
    top = axes.get_ylim()[1]
    room = 0.062 * (axes.get_ylim()[1] - axes.get_ylim()[0])  # height of a line of text
    ordered = sorted(labels, key=lambda label: label[1])
    for height, (_, _, text, colour) in zip(_apart([y for _, y, *_ in ordered], room, top), ordered, strict=True):
        axes.annotate(text, (right, height), xytext=(8, 0), textcoords="offset points", va="center", color=colour,
                      annotation_clip=False, parse_math=False)  # fmt: skip
    axes.set_title("shaded: 95% interval over tasks", loc="right", fontsize=9, fontweight="normal", color=GREY)
    return Plot(figure)


def _apart(heights: Sequence[float], room: float, top: float) -> list[float]:
    """Move ascending heights so that each has room to the next and none lies above the top."""
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + room) if placed else height)
    for place in reversed(range(len(placed))):
        placed[place] = min(placed[place], top)
        top = placed[place] - room
    return placed
