"""The functions of `soar.grids` as a prompt lists them: a line each, under the name of their kind."""

from __future__ import annotations

import functools
import inspect
from collections import defaultdict


@functools.cache
def grids_library() -> str:
    """Return `name(arguments)` of every public function, by kind; `-> type` where it returns no grid."""
    from soar import grids  # brings numpy and scipy

    kinds: dict[str, list[str]] = defaultdict(list)
    for name, function in sorted(vars(grids).items()):
        if inspect.isfunction(function) and not name.startswith("_"):
            kinds[function.__module__.rpartition(".")[2]].append(_line(name, function))
    return "\n\n".join(f"{kind}:\n" + "\n".join(lines) for kind, lines in sorted(kinds.items()))


def _line(name: str, function: object) -> str:
    assert callable(function)
    signature = inspect.signature(function)
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    returns = str(signature.return_annotation)
    arguments = str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))
    return f"{name}{arguments}" + ("" if returns == "Array" else f" -> {returns}")
