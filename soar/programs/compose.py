"""Two programs made into one that does what the second does with what the first gives."""

from __future__ import annotations

import ast
import copy
import itertools
from dataclasses import dataclass

from soar.core.errors import SoarError
from soar.programs.parsing.replies import ENTRY_POINT


class ComposeError(SoarError):
    """A source is no program: it does not parse, or has no entry point."""


def composed(first: str, second: str) -> str:
    """Return the source of a program that gives second(first(x)).

    Where both are one function that ends with its only `return`, the lines of the second follow those of the first.
    Else both functions stay, under other names where they share any.

    Raises:
        ComposeError: one of them has no function of the entry point's name.
    """
    parts = [_Part.of(source) for source in (first, second)]
    lines = [part.line for part in parts]
    if all(part.straight for part in parts) and lines[0].args.args[0].arg == lines[1].args.args[0].arg:
        return _joined(*parts)
    used = parts[0].names | parts[1].names
    renamed: list[dict[str, str]] = []
    for _ in parts:
        fresh = {name: _fresh(name, used) for name in sorted(parts[0].names & parts[1].names)}
        renamed.append(fresh | {ENTRY_POINT: _fresh("step", used)})
        used |= {*fresh.values(), renamed[-1][ENTRY_POINT]}
    bodies = [_Rename(names).visit(part.without_imports()) for part, names in zip(parts, renamed, strict=True)]
    argument = lines[0].args.args[0].arg
    first_step, second_step = (names[ENTRY_POINT] for names in renamed)
    last = f"def {ENTRY_POINT}({argument}):\n    return {second_step}({first_step}({argument}))\n"
    return "\n\n".join([_imports(*parts), *(ast.unparse(body) for body in bodies), last]).lstrip()


def _fresh(name: str, used: set[str]) -> str:
    """The name with the first number behind it that makes it new."""
    return next(made for number in itertools.count(1) if (made := f"{name}_{number}") not in used)


@dataclass(frozen=True, slots=True)
class _Part:
    """A program taken apart: its module, and the function that is called."""

    tree: ast.Module
    line: ast.FunctionDef

    @classmethod
    def of(cls, source: str) -> _Part:
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            raise ComposeError(f"no program: {error}") from None
        functions = [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == ENTRY_POINT]
        if not functions or not functions[-1].args.args:
            raise ComposeError(f"no function {ENTRY_POINT} with an argument in a program")
        return cls(tree, functions[-1])

    @property
    def names(self) -> set[str]:
        """What the module defines, but for its imports and the function that is called."""
        found = {one.name for one in self.tree.body if isinstance(one, (ast.FunctionDef, ast.ClassDef))}
        stored = (one for part in self.tree.body for one in ast.walk(part) if not isinstance(part, ast.FunctionDef))
        found |= {one.id for one in stored if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
        return found - {ENTRY_POINT}

    @property
    def straight(self) -> bool:
        """Whether there is nothing but imports and the function, which ends with its only `return`."""
        inner = [one for one in ast.walk(self.line) if isinstance(one, (ast.Return, ast.Yield, ast.YieldFrom))]
        functions = [one for one in ast.walk(self.line) if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))]
        alone = all(one is self.line or isinstance(one, (ast.Import, ast.ImportFrom)) for one in self.tree.body)
        plain = len(self.line.args.args) == 1 and not self.line.decorator_list and len(functions) == 1
        return alone and plain and len(inner) == 1 and inner[0] is self.line.body[-1] and inner[0].value is not None

    def without_imports(self) -> ast.Module:
        """A copy of the module."""
        kept = [one for one in self.tree.body if not isinstance(one, (ast.Import, ast.ImportFrom))]
        return ast.Module(copy.deepcopy(kept), [])


def _joined(first: _Part, second: _Part) -> str:
    """One function of the lines of both."""
    argument = first.line.args.args[0].arg
    *before, last = first.line.body
    assert isinstance(last, ast.Return) and last.value is not None  # it is straight
    handed = ast.Assign([ast.Name(argument, ast.Store())], last.value)
    function = copy.deepcopy(first.line)
    function.body = [*before, handed, *second.line.body]
    text = ast.unparse(ast.fix_missing_locations(function))
    return "\n\n".join(part for part in (_imports(first, second), text) if part) + "\n"


def _imports(*parts: _Part) -> str:
    """The imports of all, each once."""
    lines = (
        ast.unparse(one) for part in parts for one in part.tree.body if isinstance(one, (ast.Import, ast.ImportFrom))
    )
    return "\n".join(dict.fromkeys(lines))


class _Rename(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self.names.get(node.id, node.id)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.name = self.names.get(node.name, node.name)
        self.generic_visit(node)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        node.name = self.names.get(node.name, node.name)
        self.generic_visit(node)
        return node

    def visit_Global(self, node: ast.Global) -> ast.Global:
        node.names = [self.names.get(name, name) for name in node.names]
        return node
