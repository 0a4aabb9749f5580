"""What this process has to compute with, and processes of its own that it starts."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import IO


def available_cores() -> int:
    """Return the number of cores that this process may use: fewer than the machine has where it is confined to some."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def computes_bf16() -> bool:
    """Tell whether the GPU, or the CPU where there is none, has instructions for bf16. Needs torch.

    Where it has none, bf16 is emulated: on a CPU ten times slower than float32.
    """
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported())


def start_child(code: str, fd: int, threads: int, log: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
    """Start a Python process that runs `code`; the caller kills it and waits for it.

    It has a session of its own: Ctrl-C is for the caller to handle. It should end when its connection does.

    Args:
        fd: of its end of the connection, which it inherits.
        threads: that it computes with. Those that wait sleep, since programs run beside it.
        log: gets what it prints; None: that goes where the caller's own goes.
    """
    environment = {
        **os.environ, "OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "false",
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-c", code], pass_fds=[fd], env=environment, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=log, stderr=log,
    )  # fmt: skip
