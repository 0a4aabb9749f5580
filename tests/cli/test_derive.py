"""Options of commands come out of configurations: by the same names, none with a default of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer
from pydantic import Field
from typer.testing import CliRunner

import soar
from soar.cli.config_file import ConfigFileError, with_file
from soar.cli.derive import documented, takes
from soar.cli.main import COMMANDS, Commands, app
from soar.core.options import Options
from soar.loop.config import HindsightConfig, LoopConfig
from soar.training.config import TrainingConfig
from tests.search_support import TASKS, script


class Inner(Options):
    """Options of a part.

    Attributes:
        depth: how deep it goes,
            line by line.
    """

    depth: int = 3


class Outer(Options):
    """Options of a whole.

    Attributes:
        size: how large it is; None: as large as it gets.
        fast: whether it hurries.
        way: "here" or "there".
        marks: what is marked.
        inner: see `Inner`.
    """

    size: Annotated[int, Field(ge=1)] | None = None
    fast: bool = False
    way: Literal["here", "there"] = "here"
    marks: tuple[str, ...] = ("a", "b")
    inner: Inner = Field(default_factory=lambda: Inner.model_validate({}))


def run(*words: str) -> tuple[dict[str, Any] | None, str]:
    told: list[dict[str, Any]] = []

    @takes(Outer)
    def command(name: Annotated[str, typer.Argument()], *, options: dict[str, Any]) -> None:
        told.append(options | {"name": name})

    alone = typer.Typer(rich_markup_mode=None)
    alone.command()(command)
    done = CliRunner().invoke(alone, list(words))
    return told[0] if told else None, done.output


def test_what_is_given_comes_by_its_name_and_nothing_else_does() -> None:
    assert run("x")[0] == {"name": "x"}
    words = ("x", "--size", "3", "--fast", "--way", "there", "--marks", "c", "--marks", "d", "--inner.depth", "7")
    told, _ = run(*words)
    assert told is not None and told.pop("name") == "x"
    assert told == {"size": 3, "fast": True, "way": "there", "marks": ("c", "d"), "inner": {"depth": 7}}
    assert Outer.of(told).inner.depth == 7
    assert run("x", "--no-fast")[0] == {"name": "x", "fast": False}
    assert run("x", "--size", "many")[0] is None and "--size" in run("x", "--size", "many")[1]


def test_help_is_what_the_docstring_says() -> None:
    assert documented(Outer)["size"] == "how large it is; None: as large as it gets."
    assert documented(Inner) == {"depth": "how deep it goes, line by line."}
    text = " ".join(run("--help")[1].split())
    assert "--way here|there" in text and "how deep it goes, line by line. [default: 3]" in text
    assert "what is marked. [default: a, b]" in text


@pytest.mark.parametrize("config", [soar.SearchConfig, LoopConfig, HindsightConfig, TrainingConfig])
def test_every_option_is_explained(config: type[Options]) -> None:
    assert [name for name, text in documented(config).items() if not text] == []


@pytest.mark.parametrize(
    ("name", "config", "without"),
    [
        ("search", soar.SearchConfig, {"scorer"}),
        ("iterate", LoopConfig, {"iteration", "scorer", "hindsight", "iterations"}),
        ("train", TrainingConfig, set()),
        ("dataset", HindsightConfig, {"scope"}),
    ],
)
def test_what_python_can_set_the_command_line_can(name: str, config: type[Options], without: set[str]) -> None:
    command = typer.main.get_command(app).get_command(None, name)  # type: ignore[attr-defined]
    flags = {flag for one in command.params for flag in one.opts}
    assert {f"--{one.replace('_', '-')}" for one in config.model_fields.keys() - without} <= flags


def test_every_command_is_there() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, Commands) and group.get_command(None, "nosuch") is None
    for name in COMMANDS:
        command = group.get_command(None, name)
        assert command.help and command.get_short_help_str(500)


def test_a_runs_options_can_be_taken_again(tmp_path: Path) -> None:
    options = {"samples": 8, "refinements": 4, "islands": 2, "workers": 1}
    soar.search(TASKS, soar.ScriptedModel(script), run=tmp_path, **options)
    taken = with_file(tmp_path, {"islands": 1}, soar.SearchConfig.model_fields)
    assert taken.items() >= {"samples": 8, "refinements": 4, "islands": 1}.items() and "iteration" not in taken
    assert soar.SearchConfig.of(taken).islands == 1
    with pytest.raises(ConfigFileError, match="no folder of a run"):
        with_file(tmp_path / "..", {}, ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sampels = 3", "unknown option 'sampels'; nearest: samples"),
        ("samples = 'many'", "samples: Input should be a valid integer"),
        ("samples = ", "no TOML"),
        ("[hindsight]\nper_task = 3", "unknown option 'hindsight'"),
    ],
)
def test_a_bad_file_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "options.toml"
    file.write_text(text)
    done = CliRunner().invoke(app, ["search", "3c9b0459", "--config", str(file)])
    assert isinstance(done.exception, soar.SoarError)
    assert said in str(done.exception) and "\n" not in str(done.exception)


def test_tables_of_a_file_are_joined_with_what_is_given(tmp_path: Path) -> None:
    file = tmp_path / "options.toml"
    file.write_text("samples = 3\n[hindsight]\nper_task = 3\naugment = 2\n")
    given = {"samples": 4, "hindsight": {"augment": 5}}
    joined = with_file(file, given, LoopConfig.model_fields)
    assert joined == {"samples": 4, "hindsight": {"per_task": 3, "augment": 5}}
    assert json.loads(LoopConfig.of(joined).model_dump_json())["hindsight"]["per_task"] == 3
