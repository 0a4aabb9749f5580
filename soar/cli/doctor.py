"""What this machine offers to `soar`."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
from collections.abc import Iterator

from soar.core.hints import install
from soar.core.process import available_cores

EXTRAS = {
    "local": ("torch", "transformers", "tokenizers", "peft"),
    "train": ("trl", "datasets", "accelerate", "tensorboard"),
    "embed": ("sentence_transformers",),
    "plots": ("matplotlib",),
}


def report() -> Iterator[str]:
    """Yield lines for a person: versions, processors, packages of the extras, layers of the sandbox."""
    from soar.sandbox import doctor_report

    machine = f"{platform.system()} {platform.machine()}, {available_cores()} cores"
    yield f"soar {importlib.metadata.version('soar-search')}, Python {platform.python_version()}, {machine}"
    for extra, packages in EXTRAS.items():
        found = {package: _version(package) for package in packages}
        missing = [package for package, version in found.items() if version is None]
        have = ", ".join(f"{package} {version}" for package, version in found.items() if version)
        lack = f"missing {', '.join(missing)}: {install(extra)}" if missing else ""
        yield f"[{extra}] " + "; ".join(part for part in (have, lack) if part)
    yield f"[vllm] {_vllm()}"
    for name, state in doctor_report().items():
        yield f"[sandbox] {name}: {'yes' if state is True else state or 'no'}"


def _version(package: str) -> str | None:
    return importlib.metadata.version(package.replace("_", "-")) if importlib.util.find_spec(package) else None


def _vllm() -> str:
    """The command that `vllm:` would start, which may be another environment's, or what to do to have one."""
    from soar.models.base import ModelError
    from soar.models.vllm.server import find_vllm

    try:
        return str(find_vllm())
    except ModelError as error:
        return f"missing: {str(error).removeprefix('vllm: ')}"
