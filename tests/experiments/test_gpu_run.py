"""The prepared GPU run, rehearsed on a CPU."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.experiments.test_experiments import ROOT

RUN = [sys.executable, str(ROOT / "experiments" / "gpu" / "run.py")]


@pytest.mark.slow
def test_the_gpu_run_is_whole_and_goes_on(tmp_path: Path) -> None:
    command = [*RUN, str(tmp_path / "out"), "--rehearsal"]
    cut = subprocess.run([*command, "--minutes", "0.6"], capture_output=True, text=True, check=True)
    assert "left out" in cut.stdout  # packed, though the time was too short for all
    whole = subprocess.run([*command, "--minutes", "9"], capture_output=True, text=True, check=True)
    work = tmp_path / "out" / "work"
    stages = [json.loads(line) for line in (work / "stages.jsonl").read_text().splitlines()]
    assert {line["stage"] for line in stages if line["status"] == 0} == {"search", "larger", "export", "loop"}, whole
    parts = sorted((tmp_path / "out").glob("part-*"))
    assert parts and all(part.stat().st_size <= 15 << 20 for part in parts)
    joined = tmp_path / "joined.tar.gz"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    with tarfile.open(joined) as tar:
        names = set(tar.getnames())
    wanted = {"machine.json", "loop/report.json", "larger/model/model.safetensors", "left-out.txt"}
    assert wanted <= names
    assert any(name.endswith("adapter_model.safetensors") for name in names)
    assert not any(name.endswith(".sqlite") for name in names)
