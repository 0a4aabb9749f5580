"""From code in a reply to a program: what defines its function stays, what cannot run without a task goes."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Sequence

from soar.programs.parsing.code import ENTRY_POINT, Block, Statement

ADDED = "  # added"
_TYPING = (
    "Any Callable Dict Generator Iterable Iterator List Literal Mapping NamedTuple Optional Sequence Set Tuple Union"
)
_FROM = {
    "typing": _TYPING,
    "collections": "Counter OrderedDict defaultdict deque namedtuple",
    "itertools": "chain combinations permutations product",
    "functools": "lru_cache partial reduce",
    "copy": "deepcopy",
    "dataclasses": "dataclass",
    "scipy": "ndimage",
}
_MODULES = "collections copy functools heapq itertools math operator random re scipy string sys typing"
USUAL_IMPORTS = {
    "np": "import numpy as np",
    "numpy": "import numpy",
    **{name: f"import {name}" for name in _MODULES.split()},
    **{name: f"from {module} import {name}" for module, names in _FROM.items() for name in names.split()},
}
_SETUP = {"filterwarnings", "seed", "set_printoptions", "seterr", "setrecursionlimit", "simplefilter"}
_BUILTIN = {*dir(builtins), "__name__", "__file__", "__doc__", "__builtins__"}
_USUAL_NAMES = {"solve", "solution", "solver", "predict", "transformation", "apply_transformation", "transform_grid"}
_NOT_MEANT = (
    "_",
    "check",
    "display",
    "load",
    "main",
    "plot",
    "print",
    "read",
    "run",
    "show",
    "test",
    "verify",
    "visual",
)


def program_of(blocks: Sequence[Block], any_name: bool = True) -> str | None:
    """Return the program that the blocks of a reply make together; None where no function is unmistakably meant.

    The last block that defines the entry point is the program. Statements of it that cannot run without a task go;
    what it lacks comes from the other blocks, or is a usual import, which is marked as added. With `any_name`, one
    unmistakable function under another name is the entry point.
    """
    main = next((block for block in reversed(blocks) if block.defines), None)
    other = None
    if main is None:
        main, other = other_function(blocks) if any_name else (None, None)
    if main is None:
        return None
    entry = ENTRY_POINT if other is None else other.partition("(")[0]
    borrowed = _borrowed(main, blocks, entry)
    kept = _kept([*borrowed, *main.statements], entry)
    own = [one for one in main.statements if one in kept]
    added = [f"{line}{ADDED}" for line in _usual_imports(kept, entry)]
    text = _composed(main, own, added + [one.text for one in borrowed if one in kept])
    return text if other is None else f"{text}\n\n{ENTRY_POINT} = {other}{ADDED}\n"


def _needed(statements: Sequence[Statement], entry: str) -> set[str]:
    """Names of the module that the entry point needs, whatever it calls."""
    imported = {name for one in statements if one.imports for name in one.binds}
    names, rest = {entry}, list(statements)
    while found := [one for one in rest if one.binds & names or one.changes & names - imported]:
        rest = [one for one in rest if one not in found]
        names.update(*(one.uses for one in found))
    return names


def _bound(statements: Iterable[Statement]) -> set[str]:
    return _BUILTIN.union(*(one.binds for one in statements))


def _borrowed(main: Block, blocks: Sequence[Block], entry: str) -> list[Statement]:
    """Statements of other blocks that define what the entry point needs, in order; of several the last before it."""
    place = blocks.index(main)
    order = [*reversed(blocks[:place]), *blocks[place + 1 :]]
    taken: list[Statement] = []
    while missing := _needed([*taken, *main.statements], entry) - _bound([*taken, *main.statements]):
        found: list[Statement] = []
        for block in order:
            left = [one for one in block.statements if one not in taken]
            definitions = [one for one in left if one.starred or (one.binds & missing and _is_definition(one))]
            if definitions:
                names = set[str]().union(*(one.binds for one in definitions)) & missing
                found = [one for one in left if one in definitions or one.changes & names]
                break
        if not found:
            break
        taken += found
    return [one for block in blocks for one in block.statements if one in taken]


def _is_definition(one: Statement) -> bool:
    return one.imports or isinstance(
        one.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign | ast.Try
    )


def _kept(statements: Sequence[Statement], entry: str) -> list[Statement]:
    """What runs without a task: imports, definitions, constants, and all that the entry point needs."""
    needed = _needed(statements, entry)
    imported = {name for one in statements if one.imports for name in one.binds}
    kept = {one for one in statements if one.imports and (one.there or one.binds & needed)}
    kept |= {one for one in statements if one.binds & needed and not _is_guard(one.node)}
    there = _bound(kept) | USUAL_IMPORTS.keys()
    starred = any(one.starred for one in kept)
    for one in statements:
        can_run = starred or one.needs <= there
        if one not in kept and can_run and (one.changes & needed - imported or _is_harmless(one.node)):
            kept.add(one)
            there |= one.binds
    return [one for one in statements if one in kept]


def _is_guard(node: ast.stmt) -> bool:
    """Whether it is `if __name__ == ...`."""
    return isinstance(node, ast.If) and any(getattr(each, "id", "") == "__name__" for each in ast.walk(node.test))


def _is_harmless(node: ast.stmt) -> bool:
    """Whether it defines something, sets a constant, or sets a library up."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Pass):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return isinstance(node.value.func, ast.Attribute) and node.value.func.attr in _SETUP
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        calls = ast.Call | ast.Subscript | ast.Attribute | ast.BinOp | ast.Await | ast.Yield | ast.YieldFrom
        return not any(isinstance(each, calls) for each in ast.walk(node))
    return False


def _usual_imports(kept: Sequence[Statement], entry: str) -> list[str]:
    """The usual imports that are lacking; none where names come from a starred import."""
    if any(one.starred for one in kept):
        return []
    missing = _needed(kept, entry).union(*(one.needs for one in kept)) - _bound(kept)
    return sorted({USUAL_IMPORTS[name] for name in missing if name in USUAL_IMPORTS})


def _composed(main: Block, own: Sequence[Statement], added: Sequence[str]) -> str:
    """The block's text with only its `own` statements, and what is added after its imports."""
    lines: list[str | None] = list(main.text.split("\n"))
    place, header = 0, True
    for first, last, together in _on_shared_lines(main.statements):
        left = [one for one in together if one in own]
        header = header and all(one.imports or isinstance(one.node, ast.Expr) for one in left)
        place = last + 1 if header and left else place
        if len(left) < len(together):
            while not left and first and (lines[first - 1] or "").startswith("#"):
                first -= 1  # what is said of it goes with it
            lines[first : last + 1] = [None] * (last + 1 - first)
            lines[last] = "; ".join(one.text for one in left) or None
    whole = [*lines[:place], *added, *lines[place:]]
    return "\n".join(line for line in whole if line is not None).strip("\n") + "\n"


def _on_shared_lines(statements: Sequence[Statement]) -> Iterator[tuple[int, int, list[Statement]]]:
    """First and last line of statements, those together that share one: `a = 1; b = 2`."""
    together: list[Statement] = []
    for one in statements:
        if together and one.lines[0] > together[-1].lines[1]:
            yield together[0].lines[0], together[-1].lines[1], together
            together = []
        together.append(one)
    if together:
        yield together[0].lines[0], together[-1].lines[1], together


def other_function(blocks: Sequence[Block]) -> tuple[Block, str] | tuple[None, None]:
    """Return the one function of one argument that no other calls, or that has a usual name, and its block.

    A class counts by its method: the name is then `Solution().transform`.
    """
    every = {name: (block, one) for block in blocks for one in block.statements for name in one.binds}
    found = {name: place for name, place in every.items() if _takes_one(place[1].node)}
    meant = [(name, one) for name, (_, one) in every.items() if not name.startswith(_NOT_MEANT)]
    definitions = [(name, one) for name, one in meant if isinstance(one.node, ast.FunctionDef | ast.ClassDef)]
    called = {used for name, one in definitions for used in one.uses - {name}}
    roots = [name for name in found if name not in called and not name.startswith(_NOT_MEANT)]
    for few in (roots, [name for name in roots if name in _USUAL_NAMES]):
        if len(few) == 1:
            return found[few[0]][0], few[0]
    methods = [] if roots else [(name, method) for name, (_, one) in every.items() for method in _methods(one.node)]
    if len(methods) == 1:
        name, method = methods[0]
        return every[name][0], f"{name}().{method}"
    return None, None


def _takes_one(node: ast.AST, bound: int = 0) -> bool:
    """Whether it defines a function that can be called with one argument; `bound`: those before it."""
    if isinstance(node, ast.Assign):
        node = node.value
    if not isinstance(node, ast.FunctionDef | ast.Lambda):
        return False
    takes = node.args
    count = len(takes.posonlyargs + takes.args) - bound
    return count >= 1 and count - len(takes.defaults) <= 1 and None not in takes.kw_defaults


def _methods(node: ast.AST) -> list[str]:
    """Methods of a class, made without arguments, that may be meant."""
    if not isinstance(node, ast.ClassDef):
        return []
    names = {ENTRY_POINT, *_USUAL_NAMES, "__call__"}
    made = [one for one in node.body if isinstance(one, ast.FunctionDef)]
    if any(one.name == "__init__" and len(one.args.args) - len(one.args.defaults) > 1 for one in made):
        return []
    static = {one for one in made if any(getattr(each, "id", "") == "staticmethod" for each in one.decorator_list)}
    return [one.name for one in made if one.name in names and _takes_one(one, bound=one not in static)]
