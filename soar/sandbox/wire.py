"""The bytes between the parent, a zygote and a program's process.

A job goes to the zygote as JOB, the lengths of its parts, and the parts: entry point, source, encoded inputs. The
program's process answers each input with a FRAME, which carries a nonce that only its own machinery was given. The
zygote passes them on as REPORTs, and adds its own verdicts."""

from __future__ import annotations

import struct
from collections.abc import Sequence

JOB = struct.Struct("<II")  # number of parts, bytes that follow
FRAME = struct.Struct("<16sBdI")  # nonce, kind, CPU seconds as the process tells them, bytes of payload
REPORT = struct.Struct("<BdI")  # kind, CPU seconds, bytes of payload

OK, ERROR, MEMORY, INVALID = range(4)  # a program's process says these
TIMEOUT, CRASH, KILLED, TROUBLE = range(4, 8)  # the zygote says these: they end the program
READY = 8  # a process has confined itself and is about to load its program; also a zygote's greeting

NO_ROOM = 112  # exit status of a process that has no memory left to say so
ERROR_BYTES = 1 << 14  # room for an error's name and message


def pack_job(parts: Sequence[bytes]) -> bytes:
    lengths = struct.pack(f"<{len(parts)}I", *map(len, parts))
    body = b"".join(parts)
    return JOB.pack(len(parts), len(lengths) + len(body)) + lengths + body


def unpack_job(count: int, body: memoryview) -> list[bytes]:
    """The parts that `pack_job` was given, out of what follows the JOB header."""
    start = 4 * count
    parts = []
    for length in struct.unpack_from(f"<{count}I", body):
        parts.append(bytes(body[start : start + length]))
        start += length
    return parts


# What keeps a program in, by the names that users see.
LAYERS = (
    "user namespace",
    "mount namespace",
    "pid namespace",
    "network namespace",
    "ipc namespace",
    "file tree",
    "capabilities",
    "no new privileges",
    "landlock",
    "seccomp",
)
