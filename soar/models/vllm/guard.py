"""Runs a server as long as its owner lives: a process between `soar` and `vllm serve`, standard library only.

    python guard.py COMMAND...

The owner holds the other end of standard input. When that closes, because the owner is done or was killed, the server
and all that it started end: asked first, killed after `PATIENCE` seconds. Where this process itself is killed, the
kernel tells the server to end (Linux).
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time

PATIENCE = 10.0
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def main(command: list[str]) -> int:
    """Run the command until it ends or standard input closes; return its exit status."""
    linux = sys.platform == "linux"
    prctl = ctypes.CDLL(None).prctl if linux else None
    if prctl:
        prctl(PR_SET_CHILD_SUBREAPER, 1)  # what the server leaves behind becomes a child of this process
    dying = (lambda: prctl(PR_SET_PDEATHSIG, signal.SIGTERM)) if prctl else None
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=dying)
    while server.poll() is None:
        readable, _, _ = select.select([0], [], [], 0.2)
        if readable and not os.read(0, 1):
            break
    _end(server)
    return server.returncode


def _end(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        server.terminate()
        deadline = time.monotonic() + PATIENCE
        while server.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
    _signal_group(server.pid, signal.SIGKILL)  # its workers, also where it ended by itself
    server.wait()
    while children := _children():
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return


def _children() -> list[int]:
    """Processes that were left behind, the kernel's list; none where there is no such list."""
    path = f"/proc/self/task/{os.getpid()}/children"
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return [int(pid) for pid in file.read().split()]


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(main(sys.argv[1:]))
