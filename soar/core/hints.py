"""What to type to get what is missing."""

from __future__ import annotations

from pathlib import Path


def install(extra: str) -> str:
    """Return the command that installs the packages of an extra of this package.

    It names the checkout that this code lies in, or a wheel: no index has the package yet, and whatever stands there
    under its name is not ours.
    """
    root = Path(__file__).resolve().parents[2]
    source = str(root) if (root / "pyproject.toml").exists() else "WHEEL"
    editable = "" if source == "WHEEL" else "-e "
    return f"pip install {editable}'{source}[{extra}]'"
