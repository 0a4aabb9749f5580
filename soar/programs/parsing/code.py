"""Code that stands in a reply, as a tree: parsed by `ast`, which runs none of it.

It comes from a model, so its size is bounded, and so is the work that is spent on it.
"""

from __future__ import annotations

import ast
import symtable
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

ENTRY_POINT = "transform"
MAX_CODE = 50_000  # characters of one block
MAX_WORK = 150_000  # characters parsed for one reply, all tries together
MAX_STATEMENTS = 1000  # of one block
_THERE = sys.stdlib_module_names | {"numpy", "scipy", "soar"}  # what a program can import


@dataclass(slots=True)
class Reader:
    """Parses code as long as there is work left.

    Attributes:
        work: characters that may still be parsed.
        error: of the last code that was no Python: its message and line.
    """

    work: int = MAX_WORK
    error: tuple[str, int] = ("", 0)

    def block(self, code: str) -> Block | None:
        """Return the code as a block; None where it is no Python, too large or too deep."""
        if len(code) > min(MAX_CODE, self.work):
            self.error = ("too much to read", 0)
            return None
        self.work -= len(code)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return Block.of(code, ast.parse(code))
            except SyntaxError as error:
                self.error = (error.msg, error.lineno or 0)
            except (ValueError, RecursionError, MemoryError) as error:  # null bytes, surrogates, nesting too deep
                self.error = (str(error), 0)
        return None

    def unfinished(self, code: str) -> bool:
        """Whether the code ends within a text of three quotation marks."""
        if not any(code.count(mark) % 2 for mark in ('"""', "'''")):
            return False
        return self.block(code) is None and self.error[0].startswith("unterminated triple-quoted")


@dataclass(slots=True, eq=False)
class Statement:
    """A statement of a module.

    Attributes:
        lines: number of the first and of the last, from 0; `text`: of the statement itself.
        binds: names of the module that it sets; `changes`: names whose content it may change.
        uses: names of the module that it or a function in it reads; `needs`: those that it reads when the module loads.
    """

    node: ast.stmt
    lines: tuple[int, int]
    text: str
    binds: set[str] = field(default_factory=set)
    changes: set[str] = field(default_factory=set)
    uses: set[str] = field(default_factory=set)
    needs: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, node: ast.stmt, lines: Sequence[str]) -> Self:
        """Return the statement with this node in a text with these lines."""
        decorators = getattr(node, "decorator_list", [])
        first, last = min([node.lineno, *(one.lineno for one in decorators)]) - 1, node.end_lineno or node.lineno
        rows = [line.encode() for line in lines[first:last]]
        rows[-1] = rows[-1][: node.end_col_offset]
        rows[0] = rows[0][node.col_offset :]  # more than 0 only after a semicolon
        text = b"\n".join(rows).decode()
        made = cls(node, (first, last - 1), text, changes=set(_changed(node)))
        top = symtable.symtable(text, "reply", "exec")
        for table in _tables(top):
            own = table is top
            for symbol in table.get_symbols():
                if own and (symbol.is_assigned() or symbol.is_imported()):
                    made.binds.add(symbol.get_name())
                if symbol.is_referenced() if own else symbol.is_global():
                    made.uses.add(symbol.get_name())
                    made.needs |= {symbol.get_name()} if own or table.get_type() == "class" else set()
        return made

    @property
    def imports(self) -> bool:
        """Whether it is an import statement."""
        return isinstance(self.node, ast.Import | ast.ImportFrom)

    @property
    def starred(self) -> bool:
        """Whether it imports names that it does not name."""
        return isinstance(self.node, ast.ImportFrom) and self.node.names[0].name == "*"

    @property
    def there(self) -> bool:
        """Whether all it imports, if anything, is there for a program to import."""
        if isinstance(self.node, ast.Import):
            return all(alias.name.partition(".")[0] in _THERE for alias in self.node.names)
        return not isinstance(self.node, ast.ImportFrom) or (self.node.module or "").partition(".")[0] in _THERE


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Code that is Python, and its statements."""

    text: str
    statements: tuple[Statement, ...]

    @classmethod
    def of(cls, text: str, tree: ast.Module) -> Self:
        """Return the block with this text and tree."""
        if len(tree.body) > MAX_STATEMENTS:
            raise ValueError("too many statements")
        lines = text.split("\n")
        return cls(text, tuple(Statement.of(node, lines) for node in tree.body))

    @property
    def defines(self) -> bool:
        """Whether it defines the entry point itself; an import of it from a module that is not there does not."""
        return any(ENTRY_POINT in one.binds and one.there for one in self.statements)


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    tables = [table]
    while tables:
        table = tables.pop()
        yield table
        tables += table.get_children()


def _changed(node: ast.stmt) -> Iterator[str]:
    """Names whose content a statement may change when the module loads: `TABLE[0] = 1`, `TABLE.append(1)`."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    for each in ast.walk(node):
        target: ast.expr | None = None
        if isinstance(each, ast.Subscript | ast.Attribute) and isinstance(each.ctx, ast.Store | ast.Del):
            target = each
        if isinstance(each, ast.Expr) and isinstance(each.value, ast.Call):
            target = each.value.func
        while isinstance(target, ast.Subscript | ast.Attribute):
            target = target.value
            if isinstance(target, ast.Name):
                yield target.id
