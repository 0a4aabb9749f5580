from __future__ import annotations

import logging
import os
import signal
from pathlib import Path

import pytest

import soar
from soar.core.incidents import collect_incidents, record_incident
from soar.evolution.api import search_iter
from soar.evolution.results import load_run
from soar.evolution.run_folder import RunFolder
from soar.models.scripted import ScriptedModel
from soar.models.worker import Worker
from tests.sandbox.support import descendants
from tests.search_support import TASKS, content, script

SMALL = {"samples": 24, "refinements": 16, "samples_per_request": 8, "workers": 1}


def test_a_lost_sandbox_worker_is_reported_and_nothing_is_lost(tmp_path: Path) -> None:
    others, killed, seen = descendants(os.getpid()), False, {}
    for snapshot in search_iter(TASKS, ScriptedModel(script, latency=0.02), run=tmp_path / "run", **SMALL):
        if not killed and snapshot.completions:
            killed = True
            os.kill(min(descendants(os.getpid()) - others), signal.SIGKILL)  # the first: programs come after it
        seen = dict(snapshot.events)
    results = snapshot.results
    assert results is not None and killed
    assert seen == results.events == load_run(tmp_path / "run").events == {"sandbox worker replaced": 1}
    assert "On the way: sandbox worker replaced" in str(results)
    soar.search(TASKS, ScriptedModel(script), run=tmp_path / "undisturbed", **SMALL)
    assert content(tmp_path / "run") == content(tmp_path / "undisturbed")
    assert results.to_json() == load_run(tmp_path / "undisturbed").to_json()  # events are about how, not what


def test_a_model_process_that_is_started_again_is_reported() -> None:
    told: list[tuple[str, str]] = []
    worker = Worker("builtins:dict", {"a": 1})
    with collect_incidents(lambda kind, detail: told.append((kind, detail))):
        assert worker.call("get", "a") == 1
        assert worker.process is not None
        worker.process.kill()
        assert worker.call("get", "a") == 1
        worker.close()
    assert told == [("model process restarted", "the process of builtins:dict died on get")]


def test_a_resumed_search_and_a_raised_budget_are_reported(tmp_path: Path) -> None:
    soar.search(TASKS, ScriptedModel(script), run=tmp_path, **SMALL)
    results = soar.search(TASKS, ScriptedModel(script), run=tmp_path, **SMALL | {"samples": 32})
    assert results.events == {"search resumed": 1, "budget raised": 1}
    details = [line["detail"] for line in RunFolder(tmp_path).metrics() if "event" in line]
    assert details == ["with 120 completions at hand", "samples from 24 to 32"]


def test_events_nobody_waits_for_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    record_incident("sandbox worker replaced", "it ended")
    assert caplog.record_tuples == [("soar.core.incidents", logging.WARNING, "sandbox worker replaced: it ended")]


def test_a_line_of_metrics_that_was_cut_short_is_left_out(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.log({"event": "a"})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"event": "b')  # killed here
    folder.log({"event": "c"})
    assert folder.metrics() == [{"event": "a"}, {"event": "c"}]
    assert folder.events() == {"a": 1, "c": 1}
