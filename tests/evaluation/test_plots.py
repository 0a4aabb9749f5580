from __future__ import annotations

import importlib.util
import itertools
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import soar
from soar.evaluation import Evaluation, evaluate, plots, vote_runs
from soar.evolution.results import load_run

REPORT = {"rows": {"sample": 40, "refine": 14}, "bins": {"0%": 5, "(0, 34%]": 4, "(34%, 98%)": 3, ">=98%": 2}}


@pytest.fixture(scope="module")
def rounds(two_rounds: Path) -> list[soar.SearchResults]:
    return [load_run(two_rounds, iteration) for iteration in range(2)]


@pytest.fixture(scope="module")
def evaluations(rounds: list[soar.SearchResults]) -> list[Evaluation]:
    return [evaluate(one) for one in rounds]


def words(plot: plots.Plot) -> set[str]:
    (axes,) = plot.figure.axes
    legend = axes.get_legend()
    return {text.get_text() for text in (*axes.texts, *(legend.get_texts() if legend else ()))}


def test_every_line_is_named_and_goes_through_its_figures(evaluations: list[Evaluation]) -> None:
    plot = plots.pass_by_round({"training": evaluations, "held-out": evaluations[:1]})
    assert words(plot) == {"training, pass@1", "held-out, pass@1"}
    chances = [100 * one.summary["sampled_pass@1"].value for one in evaluations]  # type: ignore[union-attr]
    assert list(plot.figure.axes[0].lines[0].get_ydata()) == pytest.approx(chances)
    plot = plots.solved_by_round({"training": evaluations, "held-out": evaluations[:1]})
    assert words(plot) == {"training, vote", "training, oracle", "held-out, vote", "held-out, oracle"}
    line = plot.figure.axes[0].lines[0]
    means = [100 * one.summary["mean_solved"].value for one in evaluations]  # type: ignore[union-attr]
    assert list(line.get_xdata()) == [0, 1] and list(line.get_ydata()) == pytest.approx(means)
    plot = plots.solved_by_completions(evaluations)
    assert words(plot) == {"round 0", "round 1", "oracle (dashed)"}
    line = plot.figure.axes[0].lines[0]
    assert list(line.get_xdata()) == [1, 2, 3, 4, 6, 8, 12] and line.axes.get_xscale() == "log"
    plot = plots.diversity_by_round({"training": evaluations})
    assert words(plot) == {"training, solved", "training, unsolved"}


def test_bars_are_stacked_to_the_number_of_rows() -> None:
    plot = plots.rows_by_bin([REPORT, REPORT])
    assert words(plot) == {"54", "sampling", *(f"refinement, parent at {name}" for name in plots.BINS)}
    tops = [bar.get_y() + bar.get_height() for bar in plot.figure.axes[0].patches]
    assert max(tops) == 54


def test_plots_are_files_that_are_the_same_when_redrawn(evaluations: list[Evaluation], tmp_path: Path) -> None:
    written: list[Any] = [json.loads(json.dumps(one.to_json())) for one in evaluations]
    for place, sources in enumerate((evaluations, written)):
        files = plots.solved_by_round({"training": sources}).save(tmp_path / str(place) / "solved-by-round")
        assert [file.name for file in files] == ["solved-by-round.svg", "solved-by-round.png"]
        assert ElementTree.parse(files[0]).getroot().tag.endswith("svg")
        assert files[1].read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "0/solved-by-round.svg").read_bytes() == (tmp_path / "1/solved-by-round.svg").read_bytes()
    (only,) = plots.rows_by_bin([REPORT]).save(tmp_path / "rows.png")
    assert only.exists() and not (tmp_path / "rows.svg").exists()


def test_what_cannot_be_drawn_is_said(
    rounds: list[soar.SearchResults], evaluations: list[Evaluation], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(plots.PlotError, match="no evaluation has distances"):
        plots.diversity_by_round({"training": [evaluate(rounds[0], embedder=None)]})
    with pytest.raises(plots.PlotError, match="joins several runs"):
        plots.solved_by_round({"training": [vote_runs(rounds).evaluation]})
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(plots.PlotError, match=r"plots need matplotlib: pip install -e "):
        plots.rows_by_bin([REPORT])


def test_bars_without_rows_are_not_named_and_totals_have_room() -> None:
    plot = plots.rows_by_bin([{"rows": {"sample": 398, "refine": 2}, "bins": {"(0, 34%]": 2}}])
    axes = plot.figure.axes[0]
    legend = axes.get_legend()
    assert legend is not None
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["refinement, parent at (0, 34%]", "sampling"]
    assert axes.get_ylim()[1] == pytest.approx(440)


@pytest.mark.parametrize(
    "heights", [[90, 90, 90, 90], [0, 1, 2], [50, 99, 100, 100], [100], [], [10, 12, 60, 97, 97.5, 98]]
)
def test_names_of_lines_keep_apart_below_the_top(heights: list[float]) -> None:
    placed = plots._apart(heights, 6.2, 101)
    assert len(placed) == len(heights) and all(one <= 101 for one in placed)
    assert all(after - before >= 6.2 - 1e-9 for before, after in itertools.pairwise(placed))
