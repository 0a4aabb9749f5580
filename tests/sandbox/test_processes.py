"""Zygotes that die, parents that die, and the ends of a sandbox: no process may be left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import soar
from soar.sandbox import Limits, Outcome, Sandbox, SandboxError, pool
from tests.sandbox.support import GRID, HONEST, LIMITS, TURNED, alive, body, descendants, gone_soon

HERE = Path(soar.__file__).parent


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(workers=1, limits=LIMITS) as one:
        yield one


def test_a_killed_zygote_is_replaced() -> None:
    with Sandbox(workers=2, limits=LIMITS) as many:
        zygotes = descendants(os.getpid())

        def kill_them() -> None:
            for pid in zygotes:
                if alive(pid):
                    os.kill(pid, signal.SIGKILL)

        timer = threading.Timer(0.2, kill_them)
        timer.start()
        results = many.run([(f"def transform(x): return x + {i}", [1, 2]) for i in range(300)])
        timer.join()
        assert [[outcome.value for outcome in outcomes] for outcomes in results] == [[i + 1, i + 2] for i in range(300)]


def test_machinery_that_fails_again_and_again_is_an_error_of_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_PAUSE_SECONDS", 0.0)
    with Sandbox(workers=1, limits=LIMITS) as sandbox:
        failing = [sys.executable, "-c", "raise SystemExit('no zygote today')"]
        monkeypatch.setattr("soar.sandbox.handle._PYTHON", failing)
        for pid in descendants(os.getpid()):
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(SandboxError, match="no zygote today"):
            sandbox.run([(HONEST, [GRID])])
    with pytest.raises(SandboxError, match="no zygote today"):
        Sandbox(workers=2)


def test_close_leaves_no_process_and_no_descriptor() -> None:
    before, descriptors = descendants(os.getpid()), len(os.listdir("/proc/self/fd"))
    sandbox = Sandbox(workers=2, limits=LIMITS)
    assert sandbox.run([(HONEST, [GRID])])[0][0].value == TURNED
    sandbox.close()
    sandbox.close()
    assert gone_soon(descendants(os.getpid()) - before)
    assert len(os.listdir("/proc/self/fd")) == descriptors
    with pytest.raises(SandboxError, match="closed"):
        sandbox.run([(HONEST, [GRID])])


def test_close_while_programs_run() -> None:
    before = descendants(os.getpid())
    sandbox = Sandbox(workers=1, limits=Limits(seconds=300))
    threading.Timer(0.2, sandbox.close).start()
    start = time.monotonic()
    with pytest.raises(SandboxError, match="closed"):
        sandbox.run([(body("while True: pass"), [GRID])])
    assert time.monotonic() - start < 60  # the program's own limit is five times as far
    assert gone_soon(descendants(os.getpid()) - before)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda end: end.name)
def test_the_end_of_the_parent_leaves_no_process(tmp_path: Path, end: signal.Signals) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(HERE.parent)!r})\n"
        "from soar.sandbox import Sandbox, Limits\n"
        "sandbox = Sandbox(workers=2, limits=Limits(seconds=60))\n"
        "sandbox.run([('def transform(x): return x', [1])])\n"
        "print('ready', flush=True)\n"
        "sandbox.run([('def transform(x):\\n while True: pass', [1])] * 2)\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert parent.stdout is not None and parent.stdout.readline() == b"ready\n"
    time.sleep(0.2)
    below = descendants(parent.pid)
    assert len(below) >= 4  # two zygotes and their programs
    parent.send_signal(end)
    parent.wait(5)
    parent.stdout.close()
    assert gone_soon(below)


def test_submit_from_an_event_loop_in_another_thread(sandbox: Sandbox) -> None:
    found: list[list[Outcome]] = []

    async def many() -> None:
        sources = [f"def transform(x): return x * {i}" for i in range(50)]
        found.extend(await asyncio.gather(*(sandbox.submit(source, [1, 2]) for source in sources)))

    for _ in range(2):  # each time an event loop of its own
        thread = threading.Thread(target=lambda: asyncio.run(many()))
        thread.start()
        thread.join()
    assert [[outcome.value for outcome in outcomes] for outcomes in found] == [[i, 2 * i] for i in range(50)] * 2


def test_submit_can_be_cancelled(sandbox: Sandbox) -> None:
    async def slow_and_quick() -> Outcome:
        slow = [asyncio.create_task(sandbox.submit(body("while True: pass"), [GRID])) for _ in range(20)]
        await asyncio.sleep(0.05)
        for task in slow:
            task.cancel()
        return (await sandbox.submit(HONEST, [GRID]))[0]

    start = time.monotonic()
    assert asyncio.run(slow_and_quick()).value == TURNED
    assert time.monotonic() - start < 10 * LIMITS.wall_seconds  # of twenty that were asked for
