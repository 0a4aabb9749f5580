"""Results are not lost at the moment of printing, whatever the streams and limits that a process was started with."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SEARCH = f"{sys.executable} -m soar search 3c9b0459 --samples 4 --refinements 0"
SHOW = f"{sys.executable} -m soar show 3c9b0459"


def run(command: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["bash", "-c", command], capture_output=True, env={**os.environ, **environment}, check=False)


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp1252", "utf-8"])
def test_any_encoding_of_the_output_will_do(encoding: str) -> None:
    done = run(SHOW, PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    assert b"train 1" in done.stdout and (b"\\u2192" in done.stdout) == (encoding != "utf-8")


def test_a_closed_stream_takes_nothing_else_along() -> None:
    done = run(f"{SEARCH} 2>&-")
    assert done.returncode == 0 and b"def transform" in done.stdout
    assert run(f"{SHOW} >&-").returncode == 0


@pytest.mark.parametrize("limit", ["-n 200", "-t 1000", "-v 20000000", "-l 0", "-f unlimited"])
def test_limits_that_were_inherited_stay(limit: str) -> None:
    done = run(f"ulimit {limit}; {SEARCH}")
    assert done.returncode == 0 and b"def transform" in done.stdout, done.stderr
