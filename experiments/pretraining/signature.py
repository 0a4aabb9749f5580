"""The part of `soar.grids` that `mini`'s weights depend on: the names and parameters it learned to write."""

from __future__ import annotations

import hashlib
import inspect

import soar.grids


def grids_signature() -> str:
    """Return a hash of the names and parameter lists of `soar.grids`: other signatures need other weights."""
    functions = [name for name in sorted(soar.grids.__all__) if inspect.isfunction(getattr(soar.grids, name))]
    lines = (f"{name}({', '.join(inspect.signature(getattr(soar.grids, name)).parameters)})" for name in functions)
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=16).hexdigest()
