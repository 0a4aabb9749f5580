"""Programs made independent of `soar`: what they use of `soar.grids` is written into them."""

from __future__ import annotations

import ast
import inspect
import itertools
from functools import lru_cache
from importlib import import_module
from textwrap import indent
from types import ModuleType

import soar.grids
from soar.core.errors import SoarError

_MODULES = [
    import_module(f"soar.grids.{name}")
    for name in ("_base", "colour", "draw", "fill", "objects", "parts", "pattern", "shape")
]
_NAME = "_grids"


class StandaloneError(SoarError):
    """The program cannot be made independent of `soar`."""


def standalone(source: str) -> str:
    """Return the program with a function at its top that holds all it uses of `soar.grids`; needs numpy and scipy only.

    It does the same as the original. Names are looked for in the text: what is reached by `eval` or `globals()` is not
    found. A program that imports nothing of `soar` comes back unchanged.

    Raises:
        StandaloneError: the text is no Python, or it imports another part of `soar`.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise StandaloneError(f"the program is no valid Python: {error}") from None
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom) and _of_soar(node)]
    if not imports:
        return source
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    used |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    used |= {alias.name for node in imports for alias in node.names}
    name = _NAME
    while name in used:
        name += "_"
    text = source.encode()
    lines = [0, *itertools.accumulate(map(len, text.splitlines(keepends=True)))]  # where each begins, in bytes
    edits = [(_span(lines, node), _replacement(node, used, name)) for node in imports]
    first = _after_header(lines, tree)
    edits.append(((first, first), _inlined(used & _definitions().keys(), name)))
    for (start, end), new in sorted(edits, key=lambda edit: edit[0], reverse=True):
        text = text[:start] + new.encode() + text[end:]
    return text.decode()


def _of_soar(node: ast.Import | ast.ImportFrom) -> bool:
    modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    return any(module.split(".")[0] == "soar" for module in modules)


def _replacement(node: ast.Import | ast.ImportFrom, used: set[str], name: str) -> str:
    """One line of assignments that does what the import statement did."""
    if isinstance(node, ast.Import):
        return "; ".join(_module_import(alias, name) for alias in node.names)
    if node.module == "soar":
        pairs = [(alias.asname or alias.name, name) for alias in node.names if alias.name == "grids"]
        known = len(pairs) == len(node.names)
    else:
        starred = node.names[0].name == "*"
        names = [(each, each) for each in sorted(used & _public().keys())] if starred else []
        names += [(alias.asname or alias.name, alias.name) for alias in node.names if not starred]
        pairs = [(local, f"{name}.{each}") for local, each in names]
        known = node.module == "soar.grids" and all(each in _public() for _, each in names)
    if not known:
        raise StandaloneError(f"line {node.lineno}: only what soar.grids offers can be inlined")
    return "; ".join(f"{local} = {value}" for local, value in pairs) or "pass"


def _module_import(alias: ast.alias, name: str) -> str:
    if alias.name.split(".")[0] != "soar":
        return f"import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
    if alias.name != "soar.grids":
        raise StandaloneError(f"import {alias.name}: only what soar.grids offers can be inlined")
    return f"{alias.asname} = {name}" if alias.asname else f'soar = type("soar", (), {{"grids": {name}}})'


def _span(lines: list[int], node: ast.stmt) -> tuple[int, int]:
    """First byte of the statement, and the first after it."""
    assert node.end_lineno is not None and node.end_col_offset is not None
    return lines[node.lineno - 1] + node.col_offset, lines[node.end_lineno - 1] + node.end_col_offset


def _after_header(lines: list[int], tree: ast.Module) -> int:
    """The byte where the first statement begins that is neither the docstring nor a __future__ import."""
    body = tree.body[ast.get_docstring(tree) is not None :]
    node = next(node for node in body if not (isinstance(node, ast.ImportFrom) and node.module == "__future__"))
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef | ast.ClassDef) else []
    return lines[decorators[0].lineno - 1] if decorators else _span(lines, node)[0]


def _inlined(wanted: set[str], name: str) -> str:
    """A function that defines the wanted names with all they need, and its result: an object that has them."""
    definitions, needed, open_names = _definitions(), set[str](), sorted(wanted)
    while open_names:
        each = open_names.pop()
        if each not in needed:
            needed.add(each)
            open_names += sorted(definitions[each][1])
    texts = [text for each, (text, _) in definitions.items() if each in needed]
    code = "\n".join(f"\n{text}\n" if "\n" in text else text for text in texts)
    exported = ", ".join(f"{each}={each}" for each in sorted(wanted & _public().keys()))
    body = f"from types import SimpleNamespace\n{code}\nreturn SimpleNamespace({exported})\n"
    return f"def {name}():\n{indent(body, '    ')}\n\n{name} = {name}()\n\n"


def _public() -> dict[str, None]:
    return dict.fromkeys(soar.grids.__all__)


@lru_cache(maxsize=1)
def _definitions() -> dict[str, tuple[str, frozenset[str]]]:
    """All that `soar.grids` defines or imports, in order: its text without annotations, and the names it needs."""
    found: dict[str, tuple[str, ast.stmt]] = {}
    for module in _MODULES:
        for node in ast.parse(inspect.getsource(module)).body:
            for name in _defined(node, module):
                bare = _Bare().visit(node)
                found.setdefault(name, (ast.unparse(bare), bare))
    names = found.keys()
    ordered = sorted(found.items(), key=lambda item: not item[1][0].startswith(("import", "from")))
    return {name: (text, frozenset(_names(node) & names - {name})) for name, (text, node) in ordered}


def _names(node: ast.stmt) -> set[str]:
    return {used.id for used in ast.walk(node) if isinstance(used, ast.Name)}


def _defined(node: ast.stmt, module: ModuleType) -> list[str]:
    if isinstance(node, ast.FunctionDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    if isinstance(node, ast.Import | ast.ImportFrom) and not _of_soar(node):
        names = [alias.asname or alias.name for alias in node.names]
        return [name for name in names if name in vars(module) and name != "annotations"]
    return []


class _Bare(ast.NodeTransformer):
    """Takes annotations away."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt | None:
        if node.value is None:
            return None
        return ast.copy_location(ast.Assign([node.target], node.value), node)
