"""What says which version this is agrees; what is built from it holds what it should."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

import soar

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_all_places_name_one_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert PROJECT["version"] == soar.__version__ == citation["version"]
    assert PROJECT["license"] == citation["license"]


def test_every_dependency_has_a_lower_bound_and_an_exact_version() -> None:
    exact = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    wanted = [*PROJECT["dependencies"], *(one for extra in PROJECT["optional-dependencies"].values() for one in extra)]
    for one in wanted:
        name, bound = re.fullmatch(r"([\w.-]+)(?:\[[\w,]+\])?(>=[\d.]+(?:,<[\d.]+)?)?", one).groups()  # type: ignore[union-attr]
        if name not in (PROJECT["name"], "vllm"):  # vLLM lives in an environment of its own
            assert bound, f"{one} has no lower bound"
            assert name in exact, f"{name} is not in constraints.txt"


def test_images_copy_what_is_there() -> None:
    for file in ("Dockerfile", "Dockerfile.cuda"):
        copied = re.findall(r"^COPY (.+) \S+$", (ROOT / file).read_text(), re.MULTILINE)
        assert len(copied) == 3
        assert [name for names in copied for name in names.split() if not (ROOT / name).exists()] == []
