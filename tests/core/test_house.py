"""The house: no module of `soar` needs itself, by way of others; lazy imports and those for types count."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import soar

ROOT = Path(soar.__file__).parent


def modules() -> dict[str, Path]:
    names = {".".join(file.relative_to(ROOT.parent).with_suffix("").parts): file for file in ROOT.rglob("*.py")}
    return {name.removesuffix(".__init__"): file for name, file in names.items()}


def imported(file: Path, known: set[str]) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {full if (full := f"{node.module}.{alias.name}") in known else node.module for alias in node.names}
    return found & known


def test_no_module_needs_itself() -> None:
    files = modules()
    known = files.keys() - {"soar"}  # the table of public names loads on use
    graph = {name: imported(files[name], known) - {name} for name in known}
    assert len(graph) > 150 and "soar.tasks.values" in graph["soar.tasks.task"]
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_only_public_names_stand_at_the_root() -> None:
    assert {file.name for file in ROOT.iterdir() if file.is_file()} == {"__init__.py", "__main__.py", "py.typed"}
