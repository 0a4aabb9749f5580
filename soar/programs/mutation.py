"""Changes to programs that need no model: constants, calls, operators, statements, subtrees. Keyed by a generator.

The baseline that a model has to beat at equal programs. Subtree mutation and crossover are those of genetic programming
(Koza 1992); here they work on the text of the program, so that comments and EVOLVE-BLOCK marks stay where they are.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np

from soar.programs.blocks import Span, blocks, outside, within

TRIES = 16
LONGEST = 20_000  # characters; what grows beyond is not made
DEEPEST = 60  # nodes in nodes; what writes them calls itself several times for each
_SCALES = (0.003, 0.03, 0.3)
_OPERATORS: tuple[type[ast.operator], ...] = (ast.Add, ast.Sub, ast.Mult, ast.Div)
_SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARED = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_FAMILIES = (("min", "max"), ("sin", "cos", "tanh", "exp", "sqrt", "log", "abs"), ("floor", "ceil", "round"))
_STATEMENTS = (ast.Assign, ast.AugAssign, ast.Expr, ast.If, ast.For, ast.While)
T = TypeVar("T")


class Edit(NamedTuple):
    """A text in the place of a node."""

    node: ast.expr | ast.stmt
    text: str


class Code(NamedTuple):
    """A program, read."""

    source: str
    tree: ast.Module
    spans: list[Span]

    @classmethod
    def of(cls, source: str) -> Code | None:
        """Read a program; None where it is no Python, or nested so deeply that it cannot be written again."""
        try:
            tree = ast.parse(source)
            return None if _deeper(tree, DEEPEST) else cls(source, tree, blocks(source))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None

    def nodes(self, *kinds: type[T]) -> list[T]:
        """Return the nodes of these kinds that may change, in the order of the text."""
        found = [node for node in ast.walk(self.tree) if isinstance(node, kinds) and self._free(node)]
        return sorted(found, key=lambda node: (node.lineno, node.col_offset, -(node.end_col_offset or 0)))  # type: ignore[attr-defined]

    def _free(self, node: object) -> bool:
        first, last = getattr(node, "lineno", None), getattr(node, "end_lineno", None)
        return first is not None and last is not None and within(first, last, self.spans)

    def expressions(self) -> list[ast.expr]:
        """Return expressions that are read, not written to, and stand where any expression may."""
        unfit = {id(part) for node in ast.walk(self.tree) for part in _unfit(node)}
        kinds = (ast.BinOp, ast.UnaryOp, ast.Call, ast.Name, ast.Constant, ast.Subscript, ast.IfExp)
        return [
            node
            for node in self.nodes(*kinds)
            if id(node) not in unfit and isinstance(getattr(node, "ctx", None) or ast.Load(), ast.Load)
        ]


Change: TypeAlias = Callable[[Code, np.random.Generator], Edit | None]


def mutated(source: str, rng: np.random.Generator, seen: Sequence[str] | set[str] = ()) -> str | None:
    """Return a program with one change or a few, that is none of `seen`; None where none was found.

    Args:
        source: Python; only what lies in its EVOLVE-BLOCKs changes, where it has any.
        rng: decides everything.
        seen: sources that are not wanted again.
    """
    for _ in range(TRIES):
        made: str | None = source
        for _ in range(min(int(rng.geometric(0.6)), 4)):
            code = Code.of(made) if made is not None else None
            if code is None:
                break
            edit = CHANGES[int(rng.choice(len(CHANGES), p=_SHARES))](code, rng)
            made = made if edit is None else applied(code, edit)
        if made is not None and made != source and made not in seen:
            return made
    return None


def crossed(source: str, other: str, rng: np.random.Generator, seen: Sequence[str] | set[str] = ()) -> str | None:
    """Return a program with an expression of another in the place of one of its own; None where none was found."""
    code, donor = Code.of(source), Code.of(other)
    if code is None or donor is None:
        return None
    places, gifts = code.expressions(), donor.expressions()
    for _ in range(TRIES if places and gifts else 0):
        place, gift = _one(places, rng), _one(gifts, rng)
        made = applied(code, Edit(place, f"({ast.unparse(gift)})"))
        if made is not None and made != source and made not in seen:
            return made
    return None


def applied(code: Code, edit: Edit) -> str | None:
    """Return the program with an edit made; None where that is no Python, too long, or touches what must stay."""
    lines = [line.encode() for line in code.source.split("\n")]
    node = edit.node
    first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
    head, tail = lines[first][: node.col_offset], lines[last][node.end_col_offset :]
    made = b"\n".join([*lines[:first], head + edit.text.encode() + tail, *lines[last + 1 :]]).decode()
    fits = len(made) <= LONGEST and Code.of(made) is not None
    return made if fits and outside(made) == outside(code.source) else None


def change_constant(code: Code, rng: np.random.Generator) -> Edit | None:
    """Another number in the place of one: near it, or of another size, or with another sign."""
    found = code.expressions()
    constants = [one for one in found if isinstance(one, ast.Constant) and isinstance(one.value, bool | int | float)]
    if not constants:
        return None
    node = _one(constants, rng)
    value = node.value
    if isinstance(value, bool):
        return Edit(node, str(not value))
    if isinstance(value, int):
        if abs(value) > 2**62:
            return None
        return _number(node, int(value) + int(rng.choice([-2, -1, 1, 2])))
    if not isinstance(value, float) or not math.isfinite(value):
        return None
    scale = _SCALES[int(rng.integers(len(_SCALES)))]
    moved = value + rng.normal() * scale * (abs(value) if rng.random() < 0.5 else 1.0)
    return _number(node, float(f"{moved:.6g}"))


def change_operator(code: Code, rng: np.random.Generator) -> Edit | None:
    """Another operator between the same operands."""
    nodes = [
        node
        for node in code.nodes(ast.BinOp, ast.Compare)
        if (isinstance(node, ast.BinOp) and type(node.op) in _SIGNS)
        or (isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARED)
    ]
    if not nodes:
        return None
    node = _one(nodes, rng)
    if isinstance(node, ast.BinOp):
        sign = _SIGNS[_one(_OPERATORS, rng)]
        return Edit(node, f"({ast.unparse(node.left)}) {sign} ({ast.unparse(node.right)})")
    assert isinstance(node, ast.Compare)
    sign = _one(list(_COMPARED.values()), rng)
    return Edit(node, f"({ast.unparse(node.left)}) {sign} ({ast.unparse(node.comparators[0])})")


def change_call(code: Code, rng: np.random.Generator) -> Edit | None:
    """Another function, of the same kind or called elsewhere in the program, on the same arguments."""
    calls = code.nodes(ast.Call)
    if not calls:
        return None
    call = _one(calls, rng)
    if call.keywords:
        return None
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    family = [other for group in _FAMILIES if name in group for other in group]
    others = [ast.unparse(one.func) for one in calls if len(one.args) == len(call.args) and not one.keywords]
    if isinstance(call.func, ast.Attribute):
        others += [f"{ast.unparse(call.func.value)}.{other}" for other in family]
    else:
        others += [other for other in family if other in ("min", "max", "abs", "round")]
    return Edit(call.func, _one(others, rng))


def grow(code: Code, rng: np.random.Generator) -> Edit | None:
    """An expression joined by an operator with a name that its function knows, or with a number."""
    found = code.expressions()
    if not found:
        return None
    place = _one(found, rng)
    names = sorted({one.id for one in found if isinstance(one, ast.Name)} | _arguments(code, place))
    leaf = _one(names, rng) if names and rng.random() < 0.6 else repr(round(float(rng.normal()), 3))
    calls = [one for one in found if isinstance(one, ast.Call) and len(one.args) == 1 and not one.keywords]
    if calls and rng.random() < 0.3:
        leaf = f"{ast.unparse(_one(calls, rng).func)}({leaf})"
    return Edit(place, f"({ast.unparse(place)} {_SIGNS[_one(_OPERATORS, rng)]} {leaf})")


def shrink(code: Code, rng: np.random.Generator) -> Edit | None:
    """A part of an expression in its place."""
    whole = [one for one in code.expressions() if isinstance(one, ast.BinOp | ast.UnaryOp | ast.Call)]
    if not whole:
        return None
    place = _one(whole, rng)
    parts = [part for part in ast.iter_child_nodes(place) if isinstance(part, ast.expr)]
    parts = [part for part in parts if not isinstance(part, ast.Starred) and part is not getattr(place, "func", None)]
    return Edit(place, f"({ast.unparse(_one(parts, rng))})") if parts else None


def delete_statement(code: Code, rng: np.random.Generator) -> Edit | None:
    """A statement less."""
    found = [one for one in code.nodes(*_STATEMENTS) if not _is_docstring(one)]
    return Edit(_one(found, rng), "pass") if found else None


CHANGES: tuple[Change, ...] = (
    change_constant, change_operator, change_call, grow, shrink, delete_statement,
)  # fmt: skip
_SHARES = (0.5, 0.1, 0.1, 0.15, 0.1, 0.05)


def _deeper(tree: ast.AST, most: int) -> bool:
    layer = [tree]
    for _ in range(most):
        layer = [child for node in layer for child in ast.iter_child_nodes(node)]
    return bool(layer)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _number(node: ast.Constant, value: float) -> Edit:
    return Edit(node, repr(value) if value >= 0 else f"({value!r})")


def _one(items: Sequence[T], rng: np.random.Generator) -> T:
    return items[int(rng.integers(len(items)))]


def _arguments(code: Code, place: ast.expr) -> set[str]:
    """Names of the arguments of the functions around a place."""
    functions = [node for node in ast.walk(code.tree) if isinstance(node, ast.FunctionDef)]
    around = [one for one in functions if one.lineno <= place.lineno <= (one.end_lineno or one.lineno)]
    return {argument.arg for one in around for argument in one.args.args}


def _unfit(node: ast.AST) -> list[ast.AST]:
    """Parts of a node whose text is no expression of its own, or that another would not fit."""
    match node:
        case ast.Call():
            return [node.func]
        case ast.Attribute():
            return [node.value]
        case ast.JoinedStr():
            return list(ast.walk(node))
        case ast.Expr() if _is_docstring(node):
            return [node.value]
        case ast.FunctionDef():
            return [part for one in (*node.decorator_list, node.returns) if one is not None for part in ast.walk(one)]
        case ast.arg() if node.annotation is not None:
            return list(ast.walk(node.annotation))
        case ast.match_case():
            return list(ast.walk(node.pattern))
    return []
