"""Write the typed signatures of `soar.search`, `soar.evolve` and `soar.iterate` out of their configurations.

    python experiments/typed_options.py

A type checker knows options only from a TypedDict that stands in a file. A test says when it is out of date.
"""

from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from soar.core.custom import Custom
from soar.core.options import Options
from soar.evolution.config import SearchConfig
from soar.evolution.scores.config import EvolveConfig
from soar.loop.config import LoopConfig

SOAR = Path(__file__).resolve().parents[1] / "soar"
# What an object of one's own has to be, and where that is written.
OBJECTS = {
    "budget": ("soar.evolution.budget", "Budget"),
    "operators": ("soar.evolution.operators", "AnyOperator"),
    "scorer": ("soar.programs.scoring", "Scorer"),
    "selector": ("soar.evolution.rex", "Selector"),
    "vote_weight": ("soar.programs.voting", "Vote"),
}
HEAD = '''"""Options of `{function}` for type checkers, out of `{config}`. Written by experiments/typed_options.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

{imports}

class {name}({base}, total=False):
    """See `{config}`."""

'''


def kind(annotation: Any, option: str) -> str:
    """Return how an annotation is written for whoever gives the option."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return kind(inner[0], option)
    if origin is tuple:
        return f"Sequence[{kind(inner[0], option)}]"
    if origin in (Union, types.UnionType):
        return " | ".join(kind(one, option) for one in inner)
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, inner))}]".replace("'", '"')
    if annotation is Custom:
        return OBJECTS[option][1]
    if isinstance(annotation, type) and issubclass(annotation, Options):
        return "Mapping[str, Any]"
    return "None" if annotation is types.NoneType else str(annotation.__name__)


def single(annotation: str) -> str:
    """Operators and methods may be given alone."""
    several = annotation.removesuffix(" | None")
    return f"{several.removeprefix('Sequence[').removesuffix(']')} | {annotation}"


def written(config: type[Options], function: str, name: str, base: str, known: Collection[str] = ()) -> str:
    """Return the module for a configuration, without the options that `base` has."""
    kinds = {one: kind(field.annotation, one) for one, field in config.model_fields.items() if one not in known}
    kinds |= {one: single(kinds[one]) for one in ("operators", "method") if one in kinds}
    used = sorted(OBJECTS[one] for one in kinds if one in OBJECTS)
    imports = [f"from {module} import {protocol}" for module, protocol in used]
    if base != "TypedDict":
        imports.append(f"from soar.evolution.typed import {base}")
    head = HEAD.format(
        function=function, config=config.__name__, name=name, base=base, imports="\n".join(imports) + "\n"
    )
    return head + "".join(f"    {one}: {text}\n" for one, text in kinds.items())


def modules() -> dict[Path, str]:
    """Return the text of each module, by its file."""
    return {
        SOAR / "evolution" / "typed.py": written(SearchConfig, "soar.search", "SearchOptions", "TypedDict"),
        SOAR / "evolution" / "scores" / "typed.py": written(EvolveConfig, "soar.evolve", "EvolveOptions", "TypedDict"),
        SOAR / "loop" / "typed.py": written(
            LoopConfig, "soar.iterate", "LoopOptions", "SearchOptions", SearchConfig.model_fields
        ),
    }


def tidied(text: str, file: Path) -> str:
    """Return a module's text as ruff leaves it."""
    for step in (["format", "--quiet"], ["check", "--fix", "--quiet"], ["format", "--quiet"]):
        command = [sys.executable, "-m", "ruff", *step, "--stdin-filename", str(file), "-"]
        text = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    return text


if __name__ == "__main__":
    for file, text in modules().items():
        file.write_text(tidied(text, file), encoding="utf-8")
