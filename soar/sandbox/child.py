"""The process of one program, from the fork to its last answer."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from os import write
from time import process_time
from types import ModuleType
from typing import NoReturn

from soar.sandbox import confinement, limits, wire
from soar.sandbox.encoding import EncodingError, decode, encode
from soar.sandbox.outcome import Limits

SOURCE_NAME = "<program>"
_MESSAGE_LENGTH = 1000
_SEED = 0  # programs draw the same numbers in every run

Send = Callable[[int, float, bytes], None]
Transform = Callable[[object], object]


def live(
    channel: int, nonce: bytes, count: int, body: memoryview, bounds: Limits, layers: confinement.Layers
) -> NoReturn:
    """Confine this process for good, run the program that `body` holds on its inputs, and end."""
    send = _sender(channel, nonce)
    try:
        entry_point, source, *inputs = wire.unpack_job(count, body)
        limits.bound_child(bounds, len(inputs))
        confinement.confine_child(layers)
        random.seed(_SEED)
    except BaseException as error:  # nothing of the program has run: the zygote reports it as trouble of its own
        send(wire.TROUBLE, 0.0, _describe(error))
        os._exit(1)
    send(wire.READY, 0.0, b"")
    try:
        _answer(send, entry_point.decode(), source.decode(errors="surrogatepass"), inputs, bounds.output_kb * 1024)
    except MemoryError:  # the program has kept all there is: none is left to send its verdict
        os._exit(wire.NO_ROOM)
    os._exit(0)


def _sender(channel: int, nonce: bytes) -> Send:
    pack = wire.FRAME.pack

    def send(kind: int, seconds: float, payload: bytes) -> None:
        rest = memoryview(pack(nonce, kind, seconds, len(payload)) + payload)
        while rest:
            rest = rest[write(channel, rest) :]

    return send


def _answer(send: Send, entry_point: str, source: str, inputs: list[bytes], max_bytes: int) -> None:
    start = process_time()
    loaded = _load(source, entry_point)
    for data in inputs:
        kind, payload = loaded if isinstance(loaded, tuple) else _call(loaded, data, max_bytes)
        end = process_time()
        send(kind, end - start, payload)
        start = end


def _load(source: str, entry_point: str) -> Transform | tuple[int, bytes]:
    """The program's function, or the answer to every input of a program that does not load."""
    module = ModuleType("program")
    sys.modules["program"] = module  # dataclasses look their module up
    try:
        exec(compile(source, SOURCE_NAME, "exec", dont_inherit=True), module.__dict__)
    except MemoryError:
        return wire.MEMORY, b""
    except BaseException as error:  # whatever the program raises, SystemExit too, is its verdict
        return wire.ERROR, _describe(error)
    function = module.__dict__.get(entry_point)
    if callable(function):
        return function  # type: ignore[no-any-return]
    defined = [name for name, item in module.__dict__.items() if getattr(item, "__module__", None) == "program"]
    message = f"the program defines no function {entry_point!r}; it defines: {', '.join(defined) or 'nothing'}"
    return wire.ERROR, encode(["EntryPointError", _printable(message), None])


def _call(function: Transform, data: bytes, max_bytes: int) -> tuple[int, bytes]:
    try:
        return wire.OK, encode(function(decode(data)), max_bytes)
    except EncodingError as error:
        return wire.INVALID, encode(["InvalidAnswer", _printable(error.args[0]), None])
    except MemoryError:
        return wire.MEMORY, b""
    except BaseException as error:  # as above
        return wire.ERROR, _describe(error)


def _describe(error: BaseException) -> bytes:
    name = _printable(type.__dict__["__name__"].__get__(type(error)))
    try:
        message, line = _printable(str(error)), _line(error)
    except BaseException:  # the program wrote __str__
        message, line = "(its message cannot be read)", None
    return encode([name, message, line])


def _printable(text: str) -> str:
    return str.encode(text[:_MESSAGE_LENGTH], "utf-8", "replace").decode()


def _line(error: BaseException) -> int | None:
    """The deepest line of the program that the error passed through."""
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == SOURCE_NAME else None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == SOURCE_NAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
