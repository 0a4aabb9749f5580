"""Shorter programs near a program: each leaves one thing out. Whether it still does the same, running it tells.

Runs inside the sandbox too, beside programs nobody trusts, so it needs the standard library only.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

DEPTH = 2  # how far below an expression the one may lie that takes its place
MOST = 400  # shorter programs that are tried at a time: long programs have thousands
_COMPOUND = (ast.If, ast.For, ast.While, ast.With)


def reductions(source: str, keep: int = 0) -> list[str]:
    """Return programs shorter than `source`, the shortest first; each is valid Python.

    Each leaves out a statement (not a docstring), puts the body of a compound statement in its place, puts an
    expression in place of one that holds it, drops an argument, or writes a name for another that only stands for it.
    All else, comments and layout included, stays as it is.

    Args:
        source: a program; one that is no valid Python has no reductions.
        keep: the first `keep` characters are left as they are.
    """
    tree = _parsed(source)
    if tree is None:
        return []
    text = source.encode()
    edits = _Edits(text, len(source[:keep].encode()))
    found = {edit for edit in edits.of(tree) if len(edit) < len(text)}
    shortest = sorted(found, key=lambda one: (len(one), one))[:MOST]
    return [one for one in map(bytes.decode, shortest) if _parsed(one) is not None]


def _parsed(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


class _Edits:
    """Edits of a text by the places of its syntax tree, both in bytes of UTF-8."""

    def __init__(self, text: bytes, keep: int) -> None:
        self.text, self.keep = text, keep
        self.lines = [0]
        for line in text.splitlines(keepends=True):
            self.lines.append(self.lines[-1] + len(line))

    def of(self, tree: ast.AST) -> Iterator[bytes]:
        for node in ast.walk(tree):
            for body in (getattr(node, name, None) for name in ("body", "orelse", "finalbody")):
                if isinstance(body, list):
                    yield from self._statements(body)
            if isinstance(node, ast.expr) and self._span(node)[0] >= self.keep:
                yield from self._inner(node)

    def _statements(self, body: list[ast.stmt]) -> Iterator[bytes]:
        for i, statement in enumerate(body):
            start, end = self._span(statement)
            if start < self.keep or (i == 0 and _is_text(statement)):
                continue
            if len(body) > 1:
                yield self._without(start, end)
            if isinstance(statement, _COMPOUND):
                yield from self._unwrapped(statement)
            yield from self._unnamed(statement, body[i + 1 :])

    def _without(self, start: int, end: int) -> bytes:
        """The text without a statement, and without its line where nothing else stands there."""
        line = self.text.rfind(b"\n", 0, start) + 1
        rest = self.text.find(b"\n", end)
        rest = len(self.text) if rest < 0 else rest + 1
        after = self.text[end:rest].strip()
        if not self.text[line:start].strip() and (not after or after.startswith(b"#")):
            start, end = line, rest
        elif after.startswith(b";"):
            end = self.text.index(b";", end) + 1
            end += len(self.text[end:]) - len(self.text[end:].lstrip(b" \t"))
        return self.text[:start] + self.text[end:]

    def _unwrapped(self, statement: ast.If | ast.For | ast.While | ast.With) -> Iterator[bytes]:
        """The text with a branch of a compound statement in place of it all."""
        start, end = self._span(statement)
        line = self.text.rfind(b"\n", 0, start) + 1
        indent = start - line
        for body in (statement.body, getattr(statement, "orelse", [])):
            if not body or body[0].lineno == statement.lineno or body[0].col_offset <= indent:
                continue
            first = self.lines[body[0].lineno - 1]
            surplus = body[0].col_offset - indent
            kept = self.text[first : self._span(body[-1])[1]].split(b"\n")
            yield self.text[:line] + b"\n".join(one[surplus:] for one in kept) + self.text[end:]

    def _unnamed(self, statement: ast.stmt, rest: list[ast.stmt]) -> Iterator[bytes]:
        """The text without an assignment of a name to a name, or of what is returned at once."""
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                start, end = self._span(statement)
            case _:
                return
        if isinstance(value, ast.Name) and rest:
            loads = [self._span(node) for node in _loads(name, rest)]
            yield self._replaced([*loads, (start, end)], value.id.encode(), (start, end))
        if (
            rest
            and isinstance(rest[0], ast.Return)
            and isinstance(rest[0].value, ast.Name)
            and rest[0].value.id == name
        ):
            returned = self._span(rest[0].value)
            yield self._replaced([returned, (start, end)], self.text[slice(*self._span(value))], (start, end))

    def _replaced(self, places: list[tuple[int, int]], new: bytes, gone: tuple[int, int]) -> bytes:
        """The text with `new` at all places, and the statement at `gone` taken out."""
        text = self.text
        for start, end in sorted(places, reverse=True):
            if (start, end) == gone:
                text = _Edits(text, self.keep)._without(start, end)
            else:
                text = text[:start] + new + text[end:]
        return text

    def _inner(self, node: ast.expr) -> Iterator[bytes]:
        """The text with an expression inside `node` in place of it, and with one of its arguments left out."""
        start, end = self._span(node)
        for inner in _below(node, DEPTH):
            first, last = self._span(inner)
            yield self.text[:start] + self.text[first:last] + self.text[end:]
        parts: list[ast.AST] = []
        if isinstance(node, ast.Call):
            parts = sorted([*node.args, *node.keywords], key=lambda one: self._span(one))
        elif isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            parts = list(node.elts)
        elif isinstance(node, ast.BoolOp):
            parts = list(node.values)
        for i, part in enumerate(parts if len(parts) > 1 or isinstance(node, ast.Call) else []):
            # from the end of the part before, or up to the beginning of the one after: the comma goes along
            first, last = self._span(part)
            if i:
                first = self._span(parts[i - 1])[1]
            elif len(parts) > 1:
                last = self._span(parts[1])[0]
            yield self.text[:first] + self.text[last:]

    def _span(self, node: ast.AST) -> tuple[int, int]:
        begin = self.lines[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]
        for decorator in getattr(node, "decorator_list", []):
            begin = min(begin, self.lines[decorator.lineno - 1] + decorator.col_offset - 1)
        return begin, self.lines[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]


def _is_text(statement: ast.stmt) -> bool:
    """Whether it is a docstring: prose that a model thinks in, not a step."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _below(node: ast.expr, depth: int) -> Iterator[ast.expr]:
    """The expressions inside an expression, `depth` steps down at most."""
    for child in ast.iter_child_nodes(node):
        inner = child.value if isinstance(child, (ast.keyword, ast.Starred)) else child
        if isinstance(inner, ast.expr):
            yield inner
            if depth > 1:
                yield from _below(inner, depth - 1)


def _loads(name: str, statements: list[ast.stmt]) -> Iterator[ast.Name]:
    """Where a name is read, up to the statement that gives it another value."""
    for statement in statements:
        names = [node for node in ast.walk(statement) if isinstance(node, ast.Name) and node.id == name]
        yield from (node for node in names if isinstance(node.ctx, ast.Load))
        if any(isinstance(node.ctx, ast.Store) for node in names):
            return
