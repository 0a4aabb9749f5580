"""`soar.search` in a real Jupyter kernel."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

from soar.archive.reader import Archive

TIMEOUT = 120


@pytest.fixture(scope="module")
def kernel() -> Iterator[tuple[KernelManager, BlockingKernelClient]]:
    """A fresh kernel in this environment."""
    manager, client = start_new_kernel(kernel_name="python3", extra_arguments=[])
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def outputs(client: BlockingKernelClient, code: str) -> list[dict[str, Any]]:
    """Run a cell; return the messages it sent."""
    messages: list[dict[str, Any]] = []
    client.execute_interactive(code, timeout=TIMEOUT, output_hook=messages.append, store_history=False)
    return messages


def texts(messages: list[dict[str, Any]]) -> str:
    parts = [str(m["content"].get("text", "")) + str(m["content"].get("data", "")) for m in messages]
    return "".join(parts + ["\n".join(m["content"]["traceback"]) for m in messages if m["msg_type"] == "error"])


def completions(run: str) -> int:
    """What the archive holds, read while the kernel writes it."""
    return Archive(run).counts()["completions"] if (Path(run) / "archive.sqlite").exists() else 0


def test_search_draws_itself_with_progress(kernel: tuple[KernelManager, BlockingKernelClient]) -> None:
    _, client = kernel
    said = outputs(
        client,
        f"import sys; sys.path[:] = {sys.path!r}\nimport soar; task = soar.find_task('3c9b0459')",
    )
    assert not [m for m in said if m["msg_type"] == "error"], texts(said)
    said = outputs(client, "result = soar.search(task, samples=8, refinements=8); result")
    assert not [m for m in said if m["msg_type"] == "error"], texts(said)
    results = [m["content"]["data"] for m in said if m["msg_type"] == "execute_result"]
    assert "<svg" in results[0]["text/html"]
    progress = [m for m in said if m["msg_type"] in ("display_data", "update_display_data", "stream")]
    assert progress, "nothing was shown while it ran"
    assert "error" not in texts(outputs(client, "assert len(result.predictions) <= 2"))


def test_interrupt_leaves_the_archive_usable(
    kernel: tuple[KernelManager, BlockingKernelClient], tmp_path: Path
) -> None:
    manager, client = kernel
    run = str(tmp_path / "run")
    call = (
        f"halted = soar.search(soar.load_tasks('arc-agi-1/training')[:{{n}}], samples=64, refinements=64, run={run!r})"
    )
    client.execute(call.format(n=40), store_history=False)
    deadline = time.monotonic() + TIMEOUT
    while not completions(run) and time.monotonic() < deadline:
        time.sleep(0.2)
    manager.interrupt_kernel()
    reply = client.get_shell_msg(timeout=TIMEOUT)
    assert reply["content"]["status"] == "ok"
    assert "Ctrl-C" in texts(outputs(client, "print(halted.stopped, len(halted))"))
    before = completions(run)
    assert 0 < before < 40 * 128
    said = outputs(client, f"from soar import load_run\nprint(len(load_run({run!r})))")
    assert not [m for m in said if m["msg_type"] == "error"], texts(said)
    said = outputs(client, call.format(n=1).replace("run=", "progress=False, run="))
    assert not [m for m in said if m["msg_type"] == "error"], texts(said)
    assert completions(run) >= before
