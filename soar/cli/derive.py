"""Options of the command line out of configurations: what Python can set, a command can, by the same name.

An option's help is what the docstring of its configuration says. None of them has a default of its own: what is not
given is not passed on, so that the configuration, or a file, decides.
"""

from __future__ import annotations

import functools
import inspect
import re
import types
from collections.abc import Callable, Collection, Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from soar.core.custom import Custom
from soar.core.options import Options

JOINT = "__"  # between a table and an option in it, in the names of parameters


def takes(config: type[Options], without: Collection[str] = (), **tables: type[Options]) -> Callable[[Any], Any]:
    """Give a command the options of a configuration; what was given comes as its argument `options`.

    Args:
        config: its fields are options of the same names: `max_tokens` is `--max-tokens`.
        without: fields that the command sets itself.
        tables: further configurations: the options of `training=TrainingConfig` are `--training.epochs` and so on, and
            come as `options["training"]`. So do those of fields that are configurations.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(function, eval_str=True).parameters
        made = {one.name: one for one in _parameters(config, without, tables)}

        @functools.wraps(function)
        def command(**given: Any) -> None:
            options = {name: given.pop(name) for name in made}
            function(**given, options=_tree({name: value for name, value in options.items() if value is not None}))

        parameters = [one for one in own.values() if one.name != "options"] + list(made.values())
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {one.name: one.annotation for one in parameters}
        del command.__wrapped__
        return command

    return decorate


def documented(config: type[Options]) -> dict[str, str]:
    """Return what the docstrings of a configuration, and of those it extends, say of each option."""
    found: dict[str, str] = {}
    for one in reversed(config.__mro__):
        _, _, attributes = (inspect.getdoc(one) or "").partition("Attributes:\n") if one.__doc__ else ("", "", "")
        for entry in re.split(r"\n(?= {4}\S)", "\n" + attributes):
            name, _, text = entry.strip().partition(": ")
            found[name] = " ".join(text.split())
    return {name: found.get(name, "") for name in config.model_fields}


def _parameters(
    config: type[Options], without: Collection[str], tables: dict[str, type[Options]], table: str = ""
) -> list[inspect.Parameter]:
    made, texts = [], documented(config)
    inner = dict(tables)
    for name, field in config.model_fields.items():
        if name in without:
            continue
        if isinstance(field.annotation, type) and issubclass(field.annotation, Options):
            inner[name] = field.annotation
            continue
        kind = _kind(field.annotation)
        flag = f"{table and table + '.'}{name}".replace("_", "-")
        declared = f"--{flag}/--no-{flag}" if kind is bool else f"--{flag}"
        option = typer.Option(declared, help=texts[name] + _default(field), show_default=False, metavar=_metavar(field))
        made.append(
            inspect.Parameter(
                f"{table and table + JOINT}{name}",
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[kind | None, option],
            )
        )
    return made + [one for name, other in inner.items() for one in _parameters(other, (), {}, name)]


def _kind(annotation: Any) -> Any:
    """The type that the command line reads for a field: names and numbers by turns are text, which pydantic reads."""
    if get_origin(annotation) is Annotated:
        return _kind(get_args(annotation)[0])
    if get_origin(annotation) is tuple:
        return list[str]
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [one for one in get_args(annotation) if one not in (types.NoneType, Custom)]
        return _kind(kinds[0]) if len(kinds) == 1 else str
    return str if get_origin(annotation) is Literal else annotation


def _default(field: FieldInfo) -> str:
    """What a field is where nothing is said, in brackets; nothing where that is None, which its text explains."""
    default = field.get_default(call_default_factory=True, validated_data={})
    if default is None:
        return ""
    several = default if isinstance(default, tuple) else (default,)
    return f"  [default: {', '.join(f'{one:g}' if isinstance(one, float) else str(one) for one in several)}]"


def _metavar(field: FieldInfo) -> str | None:
    """The names that an option takes, where it takes names."""
    parts = list(_parts(field.annotation))
    names = [str(name) for one in parts if get_origin(one) is Literal for name in get_args(one)]
    return "|".join([*(["<int>"] if int in parts else []), *names]) if names else None


def _parts(annotation: Any) -> Iterator[Any]:
    """What an annotation is put together from: of `tuple[int | Literal["a"], ...]` the int and the literal."""
    inner = () if get_origin(annotation) is Literal else get_args(annotation)
    if not inner:
        yield annotation
    for one in inner:
        yield from _parts(one)


def _tree(options: dict[str, Any]) -> dict[str, Any]:
    """Options with those of tables in dictionaries of their own."""
    made: dict[str, Any] = {}
    for name, value in options.items():
        table, _, inner = name.rpartition(JOINT)
        (made.setdefault(table, {}) if table else made)[inner] = tuple(value) if isinstance(value, list) else value
    return made
