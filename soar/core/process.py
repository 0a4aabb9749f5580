"""What this process has to compute with."""

from __future__ import annotations

import os
import sys


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
