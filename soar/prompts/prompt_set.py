"""Prompts out of prompt sets: a task, and attempts to refine, become what a model is shown; its reply becomes source.

A prompt set is a folder of Jinja2 templates:

- `sample.j2`: the prompt that asks for a program;
- `refine.j2`: what follows it when there are parents to refine, so that both kinds begin with the same text;
- `system.j2`, `prefill.j2` (optional): the system message, and the text with which the reply is made to begin;
- `set.toml` (optional): settings, see `Settings`;
- other `.j2` files, which these include.

Templates see `task`, `parents` (attempts), `few_shot` (a solved example, or None) and `entry_point`; the filters `grid`
(rows of digits), `transposed`, `size` (`3x4`), `json`; the functions `matches` (with the task's
tolerance), `is_grid`, and `grids_library` (the functions of `soar.grids`); those of `soar.prompts.notation`.
"""

from __future__ import annotations

import ast
import difflib
import functools
import hashlib
import inspect
import os
import re
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import jinja2
from pydantic import BaseModel, ConfigDict, NonNegativeFloat, PositiveInt, ValidationError

from soar.core.errors import SoarError
from soar.models.base import Message, Prompt
from soar.programs.parsing.replies import ENTRY_POINT, ParseFailure, parse_reply, tidied, write_reply
from soar.programs.program import Attempt, Program
from soar.prompts.signatures import grids_library
from soar.tasks.task import Task
from soar.tasks.values import Grid, canonical_json, is_grid


class PromptError(SoarError):
    """A prompt set is missing or incomplete; the message says what to do."""


class Settings(BaseModel):
    """`set.toml`: how a set wants to be used.

    Attributes:
        raw: for models without a chat template: the reply, begun by the prefill, is the program as it stands.
        grids_only: its templates cannot show values other than grids.
        parents: most attempts that its refinement prompt can show.
        max_tokens: longest reply worth asking for.
        temperature: at which tokens are drawn; 0 means greedy.
        samples_per_request: completions of the sampling prompt in one request.
        stop: a reply is over where one of these begins; for raw sets, whose model may go on with its own notation.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    raw: bool = False
    grids_only: bool = False
    parents: PositiveInt = 1
    max_tokens: PositiveInt = 2048
    temperature: NonNegativeFloat = 1.0
    samples_per_request: PositiveInt = 32
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FewShot:
    """A task of another kind with a program that solves it, shown before the task at hand."""

    task: Task
    program: Program


@dataclass(frozen=True, slots=True)
class PromptSet:
    """A folder of templates, ready to use; `load_prompt_set` makes it.

    Attributes:
        name: the folder's name.
        hash: BLAKE2b over the names and contents of its files and the code of the functions that they call, without
            comments: what decides what a model is shown. 32 hexadecimal digits.
        settings: see `Settings`.
        few_shot: whether its templates show a solved task before the one at hand.
    """

    name: str
    hash: str
    settings: Settings
    templates: dict[str, jinja2.Template]
    few_shot: bool = False

    def render(self, task: Task, parents: Sequence[Attempt] = (), few_shot: FewShot | None = None) -> Prompt:
        """Return the prompt that asks for a program for `task`, or for a better one than the `parents`.

        Only the inputs of the task's test are read. With a solved task before it, the prompt's `prefix` ends where
        that begins: what follows differs from request to request.
        """
        hidden = task.without_test_outputs()
        context = {
            "task": hidden, "parents": tuple(parents), "few_shot": few_shot, "entry_point": ENTRY_POINT,
            "matches": task.right,
        }  # fmt: skip
        system = self._text("system.j2", context)
        sample = self._text("sample.j2", context | {"parents": ()})
        refine = self._text("refine.j2", context) if parents else ""
        messages: list[Message] = [{"role": "system", "content": system}] if system else []
        messages.append({"role": "user", "content": sample + refine})
        shared = sample
        if few_shot is not None:
            without = self._text("sample.j2", context | {"parents": (), "few_shot": None})
            shared = os.path.commonprefix([sample, without])  # noqa: RUF071 - of characters, as it does
        prefill, prefix = self._text("prefill.j2", context), len(system) + len(shared)
        return Prompt(tuple(messages), prefill, prefix, raw=self.settings.raw)

    @property
    def label(self) -> str:
        """Name and hash, as archives and adapters know it: "name:hash"."""
        return f"{self.name}:{self.hash}"

    def parse(self, reply: str, prefill: str = "") -> str | ParseFailure:
        """Return the source of the program in a reply to a prompt with this `prefill`."""
        ends = [place for mark in self.settings.stop if (place := reply.find(mark)) >= 0]
        return parse_reply(reply[: min(ends, default=None)], prefill, raw=self.settings.raw)

    def reply(self, source: str, prefill: str = "") -> str:
        """Return the reply to a prompt with this `prefill` that `parse` reads as this source: what a model learns.

        Of a source that was read before replies were tidied, `parse` leaves out what cannot run without a task.

        Raises:
            PromptError: no reply of this set can be read as `source`.
        """
        reply = write_reply(source, prefill, raw=self.settings.raw)
        read = self.parse(reply, prefill)
        if read != source and (self.settings.raw or read != tidied(source)):
            raise PromptError(f"prompt set {self.name}: no reply can be read as this program:\n{source}")
        return reply

    def _text(self, file: str, context: dict[str, object]) -> str:
        return self.templates[file].render(context) if file in self.templates else ""


def without_largest(task: Task, parents: Sequence[Attempt], n: int) -> tuple[Task, tuple[Attempt, ...]]:
    """Return the task without its `n` largest examples, and the parents without what they did on these.

    Size is the length as JSON; of equals the later goes first. The order of the others stays.
    """
    if n == 0:
        return task, tuple(parents)
    sizes = [len(canonical_json([example.input, example.output])) for example in task.train]
    order = sorted(range(len(sizes)), key=lambda i: (sizes[i], i))
    kept = sorted(order[: len(order) - n])
    shorter = replace(task, train=tuple(task.train[i] for i in kept))
    return shorter, tuple(
        replace(
            parent,
            train=tuple(parent.train[i] for i in kept),
            solved=tuple(parent.solved[i] for i in kept) if parent.solved else (),
        )
        for parent in parents
    )


def prompts_folder() -> Path:
    """Where the sets that come with soar lie: inside the installed package, or in the checkout."""
    package = Path(__file__).parents[1]
    installed = package / "_prompts"
    return installed if installed.is_dir() else package.parent / "prompts"


def load_prompt_set(name: str | Path) -> PromptSet:
    """Load a prompt set: `soar`, `crossover`, `golden`, `grids`, `values`, `mini`, or a folder of one's own.

    Raises:
        PromptError: no such set, a template missing or broken, or a bad `set.toml`.
    """
    folder = prompts_folder() / name  # a path that is absolute stays as it is
    if not folder.is_dir():
        folder = Path(name)
    if not folder.is_dir():
        known = sorted(path.name for path in prompts_folder().iterdir() if path.is_dir())
        near = difflib.get_close_matches(str(name), known, n=1)
        hint = f"; nearest: {near[0]}" if near else ""
        raise PromptError(f"no prompt set {str(name)!r}{hint}. Known: {', '.join(known)}, or a folder of templates")
    files = sorted(path for path in folder.iterdir() if path.suffix == ".j2" or path.name == "set.toml")
    return _load(folder, tuple((path, path.stat().st_mtime_ns) for path in files))


@functools.lru_cache(maxsize=16)
def _load(folder: Path, files: tuple[tuple[Path, int], ...]) -> PromptSet:
    contents = {path.name: path.read_bytes() for path, _ in files}
    for needed in ("sample.j2", "refine.j2"):
        if needed not in contents:
            raise PromptError(f"prompt set {folder}: {needed} is missing")
    few_shot = any(b"few_shot" in content for content in contents.values())
    digest = hashlib.blake2b(digest_size=16)
    for file, content in contents.items():
        digest.update(f"{file}\0{len(content)}\0".encode() + content)
        if b"grids_library" in content:
            digest.update(grids_library().encode())
    environment = _environment(folder)
    for code in _code_behind(environment, b"".join(contents.values())):
        digest.update(code.encode())
    try:
        settings = Settings.model_validate(tomllib.loads(contents.pop("set.toml", b"").decode()))
        templates = {file: environment.get_template(file) for file in contents}
    except (tomllib.TOMLDecodeError, ValidationError, jinja2.TemplateSyntaxError, UnicodeDecodeError) as error:
        raise PromptError(f"prompt set {folder}: {error}") from error
    return PromptSet(folder.resolve().name, digest.hexdigest(), settings, templates, few_shot)


def _environment(folder: Path) -> jinja2.Environment:
    from soar.prompts import notation  # here, because notation itself is about attempts and tasks

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    mini = {name: value for name, value in vars(notation).items() if name.startswith("mini_")}
    filters = {"grid": grid_text, "transposed": transposed, "size": size_text, "json": canonical_json}
    environment.filters.update(filters | mini)
    environment.globals.update({"is_grid": is_grid, "grids_library": grids_library, **mini})
    return environment


def _code_behind(environment: jinja2.Environment, templates: bytes) -> list[str]:
    """The code, without comments, of the functions of ours that templates name; of those of a notation all of it."""
    ours = {**environment.filters, **environment.globals}
    named = [ours[name] for name in sorted(ours) if re.search(rf"\b{name}\b".encode(), templates)]
    homes = (getattr(one, "__module__", "") for one in named)
    functions = [one for one in named if getattr(one, "__module__", "") in (__name__, canonical_json.__module__)]
    notations = {home for home in homes if home.startswith("soar.prompts.") and home != __name__}
    sources = [
        *map(inspect.getsource, functions),
        *(inspect.getsource(sys.modules[home]) for home in sorted(notations)),
    ]
    return [_without_imports(source) for source in sources]


def _without_imports(source: str) -> str:
    """What code says, whatever module its names come from, and without comments."""
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if not isinstance(node, (ast.Import, ast.ImportFrom))]
    return ast.dump(tree)


def grid_text(grid: Grid) -> str:
    """A grid as rows of digits, separated by spaces."""
    return "\n".join(" ".join(str(cell) for cell in row) for row in grid)


def transposed(grid: Grid) -> Grid:
    """A grid with rows and columns exchanged."""
    return [list(column) for column in zip(*grid, strict=True)]


def size_text(grid: Grid) -> str:
    """A grid's height and width: `3x4`."""
    return f"{len(grid)}x{len(grid[0])}"
