"""A program in the place of a module: its functions are called from the evaluator's process, and run in the sandbox.

What the evaluator imports is a file that we write: functions of the program's names, which send their arguments and get
plain data back. No line of the program runs where the score is made, so there is nothing there for it to patch or read.
"""

from __future__ import annotations

import ast
import asyncio
import json
import socket
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from soar.evolution.scores import tagged
from soar.sandbox.encoding import EncodingError, encode
from soar.sandbox.executor import Executor

ENTRY = "_soar_call"
OURS = ("_soar", "_SOAR")  # how names begin that a stand-in has of its own
LENGTH = struct.Struct(">Q")
LARGEST = 1 << 26  # bytes of the arguments, or the answer, of a call


class ProgramFailedError(RuntimeError):
    """A function of the program ended without an answer: an error, a timeout; what the evaluator sees of it."""


def stand_in(source: str, address: Path) -> str | None:
    """Return the text of the module that an evaluator imports in the program's place; None where that is no Python.

    It has the program's functions, and constants that are written out.
    """
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    made = ["from soar.evolution.scores.calls import call as _soar_call", f"_SOAR = {str(address)!r}"]
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.Assign(targets=[ast.Name(id=name)]) if name.startswith(OURS):
                continue  # it would change where calls go
            case ast.FunctionDef(name=name) | ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda()):
                made.append(f"def {name}(*args, **kwargs):\n    return _soar_call(_SOAR, {name!r}, args, kwargs)")
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if (text := _written_out(value)) is not None:
                made.append(f"{name} = {text}")
    return "\n".join(made) + "\n"


def call(address: str, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Call a function of the program: from the evaluator's process.

    Raises:
        TypeError: an argument is no plain data.
        ProgramFailedError: it has not ended with an answer.
    """
    job = json.dumps({"name": name, "args": tagged.tag(list(args)), "kwargs": tagged.tag(kwargs)}).encode()
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(address)
        link.sendall(LENGTH.pack(len(job)) + job)
        with link.makefile("rb") as stream:
            (length,) = LENGTH.unpack(stream.read(LENGTH.size))
            answer = json.loads(stream.read(length))
    if "error" in answer:
        raise ProgramFailedError(answer["error"])
    return tagged.untag(answer["value"])


class Callee:
    """Answers the calls for one program, from the loop that it is made in."""

    def __init__(self, source: str, executor: Executor) -> None:
        self.source, self.executor = with_entry(source), executor

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one call. What is no call ends the connection."""
        try:
            (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
            if length <= LARGEST:
                answer = json.dumps(await self._answer(json.loads(await reader.readexactly(length)))).encode()
                writer.write(LENGTH.pack(len(answer)) + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            pass  # the evaluator was ended in the middle of a call
        finally:
            writer.close()

    async def _answer(self, job: Any) -> dict[str, Any]:
        try:
            encode(job)
        except EncodingError as error:
            return {"error": f"arguments: {error}"}
        (outcome,) = await self.executor.submit(self.source, [job], ENTRY)
        return {"value": outcome.value} if outcome.status == "ok" else {"error": outcome.describe()}


def with_entry(source: str) -> str:
    """Return a program with an entry point that calls any of its functions."""
    text = Path(tagged.__file__).read_text(encoding="utf-8")
    return (
        f"{source}\n\n\ndef {ENTRY}(job):\n    names = {{}}\n    exec({text!r}, names)\n"
        "    args, kwargs = names['untag'](job['args']), names['untag'](job['kwargs'])\n"
        "    return names['tag'](globals()[job['name']](*args, **kwargs))\n"
    )


def _written_out(value: ast.expr) -> str | None:
    """The text of a value that is made of literals alone."""
    try:
        ast.literal_eval(value)
        return ast.unparse(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
