"""What keeps a server's processes in hand, tried on ordinary commands; vLLM itself is in test_vllm_model.py."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from soar.models import ModelError
from soar.models.vllm.server import GUARD, Server, _max_rank, find_vllm

# A server with a worker that leaves its group and ignores being asked to end.
COMMAND = """
import os, subprocess, sys, time
child = "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); os.setsid(); time.sleep(600)"
worker = subprocess.Popen([sys.executable, "-c", child])
time.sleep(0.3)
print(os.getpid(), worker.pid, flush=True)
time.sleep(600)
"""
OWNER = """
import subprocess, sys, time
command = [sys.executable, "-I", sys.argv[1], sys.executable, "-c", sys.argv[2]]
guard = subprocess.Popen(command, stdin=subprocess.PIPE)
print(guard.pid, flush=True)
time.sleep(600)
"""


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet counts as ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "ZX"


def wait_until_gone(pids: list[int], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not all(map(gone, pids)):
        assert time.monotonic() < deadline, [pid for pid in pids if not gone(pid)]
        time.sleep(0.05)


linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@linux
def test_closing_standard_input_ends_the_server_and_what_left_its_group() -> None:
    guard = subprocess.Popen(
        [sys.executable, "-I", GUARD, sys.executable, "-c", COMMAND],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with guard:
        assert guard.stdout is not None and guard.stdin is not None
        pids = [int(pid) for pid in guard.stdout.readline().split()]
        assert len(pids) == 2 and not any(map(gone, pids))
        guard.stdin.close()
        guard.wait(timeout=20)
    wait_until_gone(pids)


@linux
def test_a_killed_owner_leaves_no_process() -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER, GUARD, COMMAND], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        lines = [owner.stdout.readline(), owner.stdout.readline()]  # the guard's pid, the server's and its worker's
        pids = [int(pid) for line in lines for pid in line.split()]
        assert len(pids) == 3 and not any(map(gone, pids))
        os.kill(owner.pid, signal.SIGKILL)
    wait_until_gone(pids)


@linux
def test_a_killed_server_takes_its_workers_along() -> None:
    guard = subprocess.Popen(
        [sys.executable, "-I", GUARD, sys.executable, "-c", COMMAND],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with guard:
        assert guard.stdout is not None
        server, worker = (int(pid) for pid in guard.stdout.readline().split())
        os.kill(server, signal.SIGKILL)
        assert guard.wait(timeout=20) != 0
    wait_until_gone([server, worker])


def test_a_server_that_ends_while_it_starts_shows_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "vllm"
    command.write_text(
        '#!/bin/sh\necho "E ValueError: memory"\nseq 100\necho "KeyError: later"\necho "no room for $2"\nexit 3\n'
    )
    command.chmod(0o755)
    monkeypatch.setenv("SOAR_VLLM", str(command))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where the log stays
    server = Server()
    with pytest.raises(ModelError, match="no room for weights") as caught:
        server.start("weights", "weights", [], 8)
    assert server.log is not None and str(server.log) in str(caught.value)
    assert "Its first error was:\nE ValueError: memory" in str(caught.value)
    assert server.log.exists()
    server.stop()


def test_an_environment_without_vllm_is_an_error_that_tells_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOAR_VLLM", str(tmp_path))
    with pytest.raises(ModelError, match="pip install vllm"):
        find_vllm()


def test_a_rank_that_vllm_has_no_size_for_gets_the_next_larger_one() -> None:
    assert [_max_rank(rank, None) for rank in (0, 1, 8, 9, 256, 300)] == [0, 8, 8, 16, 256, 320]
    assert _max_rank(9, "64") == 64
    for rank, given in ((513, None), (65, "64")):
        with pytest.raises(ModelError, match=f"rank {rank}"):
            _max_rank(rank, given)
