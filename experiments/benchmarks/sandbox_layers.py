"""Which hostile programs get through when a layer of confinement is taken away.

    python experiments/benchmarks/sandbox_layers.py [--as-user]

Runs all hostile programs of the tests with each set of layers, and lists those that do not get the right verdict.
`--as-user`, as root: as an ordinary user. Writes results/sandbox_layers_UID.json beside this file, where it may."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # the hostile programs lie among the tests

from soar.sandbox import Limits, Sandbox, SandboxError, pool
from soar.sandbox.wire import LAYERS
from tests.sandbox.hostile_code import CODE, SLEEPERS, TIME
from tests.sandbox.hostile_reach import REACH
from tests.sandbox.hostile_values import VALUES
from tests.sandbox.support import GRID, HONEST, TURNED, Hostile, descendants, gone_soon, marked_files

HERE = Path(__file__).parent
LIMITS = Limits(seconds=0.2, memory_mb=128, output_kb=64)
PROGRAMS = [program for program in [*CODE, *VALUES, *REACH] if program not in [*SLEEPERS, *TIME]]
NAMESPACES = [name for name in LAYERS if name.endswith("namespace")]
TAKEN_AWAY: dict[str, Sequence[str]] = {
    "nothing": [],
    **{name: [name] for name in LAYERS},
    "all namespaces and the file tree": [*NAMESPACES, "file tree"],
    "landlock and seccomp": ["landlock", "seccomp"],
    "landlock and the file tree": ["landlock", "file tree"],
    "seccomp and all namespaces": [*NAMESPACES, "file tree", "seccomp"],
    "everything": LAYERS,
}


def verdict(sandbox: Sandbox, program: Hostile) -> str | None:
    """How a program got through, or None."""
    try:
        [[outcome], [honest]] = sandbox.run([(program.source, [GRID]), (HONEST, [GRID])])
    except SandboxError as error:
        return f"stopped the sandbox: {error}"
    if honest.value != TURNED:
        return f"an honest program after it ended as {honest}"
    if program.judges(outcome):
        return None
    return outcome.status if outcome.error is None else f"{outcome.status}: {outcome.error.type}"


def measure(lacking: Sequence[str]) -> dict[str, object]:
    """The layers that are missing, and the programs that get through."""
    pool._Crew.layers = [name for name in LAYERS if name not in lacking]
    before = descendants(os.getpid())
    found: dict[str, str] = {}
    with warnings.catch_warnings(action="ignore"), Sandbox(workers=1, limits=LIMITS) as sandbox:
        standing = descendants(os.getpid())
        missing = [name for name, why in sandbox.layers().items() if why is not True]
        for program in PROGRAMS:
            if how := verdict(sandbox, program):
                found[str(program)] = how
        left = not gone_soon(descendants(os.getpid()) - standing)
    files = [file.replace(os.path.dirname(os.__file__), "<standard library>") for file in marked_files()]
    return {
        "missing": missing,
        "through": found,
        "files left": files,
        "processes left": left or not gone_soon(descendants(os.getpid()) - before),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--as-user", action="store_true")
    if parser.parse_args().as_user:
        script = [sys.executable, str(ROOT / "tests" / "sandbox" / "as_user.py"), sys.executable, __file__]
        sys.exit(subprocess.run(script, cwd=tempfile.gettempdir()).returncode)
    results = {}
    for name, lacking in TAKEN_AWAY.items():
        results[name] = found = measure(lacking)
        print(f"\nwithout {name}: {found['missing']}, left: {found['files left']}, {found['processes left']}")
        for program, how in found["through"].items():  # type: ignore[attr-defined]
            print(f"    {program} ({how})")
        sys.stdout.flush()
    folder = HERE / "results"
    if os.access(HERE, os.W_OK):
        folder.mkdir(exist_ok=True)
        (folder / f"sandbox_layers_{os.getuid()}.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
