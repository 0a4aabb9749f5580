"""Reports to open, and a browser to open them in."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import soar
from soar.hindsight import make_dataset
from soar.training.folder import save_whole
from tests.report.support import begun_run, hostile_run, sizes_run
from tests.search_support import make_task

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory, two_rounds: Path) -> dict[str, Path]:
    """Folders of runs by name."""
    folder = tmp_path_factory.mktemp("looked-at")
    made = {"hostile": hostile_run, "sizes": sizes_run, "begun": begun_run, "loop": loop_run}
    return {"plain": two_rounds} | {name: make(folder / name) for name, make in made.items()}


def loop_run(folder: Path) -> Path:
    """A loop's first search, with rows as the loop makes them and the losses of a training in a trainer's words."""
    tasks = {f"task{i}": make_task(f"task{i}", i) for i in range(6)}
    held_out = {"other": make_task("other", 30)}
    soar.iterate(tasks, held_out=held_out, iterations=0, samples=8, refinements=4, run=folder, workers=1)
    made, report = make_dataset(folder, iteration=0, per_task=2)
    place = folder / "iteration-0"
    save_whole(made, place / "dataset")
    (place / "report.json").write_text(json.dumps(report.to_json()))
    (place / "adapter").mkdir()
    steps = [{"step": step, "loss": 2 / step, "token_accuracy": 1 - 1 / step} for step in range(1, 6)]
    torn = '\n{"step": 6, "lo'
    (place / "adapter" / "training.jsonl").write_text("\n".join(map(json.dumps, steps)) + torn)
    return folder


@pytest.fixture(scope="session")
def pages(runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports of these runs, by the same names; "both" compares two rounds of one."""
    folder = tmp_path_factory.mktemp("pages")
    made = {name: soar.make_report(run).save(folder / f"{name}.html") for name, run in runs.items()}
    both = soar.make_report([f"{runs['plain']}@0", f"{runs['plain']}@1"]).save(folder / "both.html")
    return made | {"both": both}


@pytest.fixture(scope="module")  # no longer: Playwright runs an event loop in this thread, which searches would meet
def browser() -> Iterator[Any]:
    """A browser. Where there is none, its tests are left out, but not on a machine that is to find what is wrong."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        reason = "no browser found: install Debian's package chromium (apt-get install chromium)"
        if os.environ.get("SOAR_BROWSER") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])  # root has no other way
        yield opened
        opened.close()
