"""The evidence: its results can be read, its page is what its scripts write, its slices keep apart."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import soar
from soar.evaluation import Evaluation, evaluate
from soar.tasks.sets import overlap

ROOT = Path(__file__).parents[2]
PARTS = "learning rows refiners selection budgets policies votes losses domains arc mini"
SCRIPTS = tuple(PARTS.split())


@pytest.fixture
def evidence(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a script by its name, as if it had been started."""
    monkeypatch.syspath_prepend(str(ROOT / "experiments" / "evidence"))
    for name in ("bench", *SCRIPTS):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module


@pytest.fixture
def bench(evidence: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """What the scripts share, with a page and results of its own."""
    module: ModuleType = evidence("bench")
    monkeypatch.setattr(module, "PAGE", tmp_path / "evidence.md")
    monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
    return module


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    tasks = soar.load_tasks("arc-agi-1/training").select(["0520fde7", "a699fb00"])
    run = tmp_path_factory.mktemp("evidence")
    return evaluate(soar.search(tasks, "mini", run=run, samples=8, refinements=8, seed=3))


def test_a_cell_is_measured_once_and_read_as_it_was(bench: Any, evaluation: Evaluation) -> None:
    cells = bench.Cells("part")
    assert cells.get("arm", 3) is None
    assert cells.measure("arm", 3, lambda: evaluation) is evaluation

    def never() -> Evaluation:
        raise AssertionError("measured again")

    again = bench.Cells("part").measure("arm", 3, never)
    assert again.per_task == evaluation.per_task and again.summary == evaluation.summary
    assert (again.label, again.seed, again.iteration, again.model) == ("arm", 3, 0, "mini")
    assert bench.Cells("part").get("arm", 4) is None


def test_the_table_has_means_and_differences(bench: Any, evaluation: Evaluation) -> None:
    bench.PAGE.write_text("before\n<!-- part -->\nold\n<!-- /part -->\nafter\n")
    cells = bench.Cells("part")
    for arm, seed in (("base", 3), ("base", 4), ("other", 4)):
        cells.measure(arm, seed, lambda: evaluation)
    bench.put_arms("part", [("base", None), ("other", "base"), ("absent", "base")], cells, {"base": "1.5"})
    page = bench.PAGE.read_text()
    assert page.startswith("before\n<!-- part -->\n| arm |") and page.endswith("|\n<!-- /part -->\nafter\n")
    assert "old" not in page and "absent" not in page
    base, other = (line for line in page.splitlines() if line.startswith(("| base", "| other")))
    solved = evaluation.summary["mean_solved"]
    assert solved is not None and f"| {100 * solved.value:.1f} |" in base and base.endswith("| 1.5 |")
    assert "(+0.0 [+0.0, +0.0])" in other and base.split(" | ")[1] == "2"


def test_slices_share_no_example(bench: Any) -> None:
    slices = bench.slices()
    sizes = [len(group) for group in (slices.training, slices.held_out, slices.target)]
    assert sizes == [100, 60, 100]
    assert not overlap(slices.training, slices.held_out)
    assert not overlap(slices.target, soar.load_tasks("arc-agi-1/training"))


@pytest.mark.slow
def test_the_pages_are_what_the_scripts_write(evidence: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docs = ROOT / "docs"
    for script, name in (("bench", "evidence.md"), ("mini", "mini.md")):
        shutil.copy(docs / name, tmp_path)
        monkeypatch.setattr(evidence(script), "PAGE", tmp_path / name)
    (tmp_path / "evidence").mkdir()
    for name in SCRIPTS:
        evidence(name).main(only_report=True)
    for name in ("evidence.md", "mini.md"):
        assert (tmp_path / name).read_text() == (docs / name).read_text()
    for figure in (docs / "evidence").glob("*.svg"):
        assert (tmp_path / "evidence" / figure.name).exists()
