"""The hostile programs once more, as an ordinary user where these tests run as root."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.as_user import CANNOT, NOBODY

HERE = Path(__file__).parent


def as_nobody(*command: str) -> subprocess.CompletedProcess[str]:
    """Run Python with `command` as uid 65534; skip the test where that user cannot reach Python or these files."""
    if os.getuid():
        pytest.skip("not root: the other tests have run as an ordinary user")
    if not HERE.stat().st_mode & 0o005 or any(not parent.stat().st_mode & 0o001 for parent in HERE.parents):
        pytest.skip(f"{HERE} is closed to other users")
    environment = {"HOME": "/nonexistent", "PATH": os.environ.get("PATH", ""), "PYTHONDONTWRITEBYTECODE": "1"}
    result = subprocess.run(
        [sys.executable, str(HERE / "as_user.py"), sys.executable, *command],
        cwd=HERE.parents[1],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if result.returncode == CANNOT:
        pytest.skip(result.stdout)
    return result


def test_the_user_is_an_ordinary_one() -> None:
    ask = "import os; print(os.getuid(), os.getgid(), os.getgroups(), open('/proc/self/status').read())"
    words = as_nobody("-c", ask).stdout
    assert words.startswith(f"{NOBODY} {NOBODY} []"), words
    assert "CapEff:\t0000000000000000" in words and "CapPrm:\t0000000000000000" in words


@pytest.mark.slow
def test_the_hostile_programs_as_an_ordinary_user() -> None:
    pytest_options = ["-m", "pytest", "-rs", "-p", "no:cacheprovider"]
    result = as_nobody(*pytest_options, "tests/sandbox/test_hostile.py")
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-2000:]
    assert "SKIPPED" not in result.stdout
