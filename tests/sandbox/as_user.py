"""Run a command as an ordinary user (uid 65534), from a process of root: `python as_user.py COMMAND…`.

Python itself may lie in a home that only root may enter. The command then runs in a mount namespace of its own, in
which the folder of the interpreter is still at its path, and nothing else is in that home."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

NOBODY = 65534
CANNOT = 77  # exit status where this system does not allow such a namespace
_NEW_NAMESPACE, _BIND, _MOVE, _PRIVATE, _RECURSIVE = 0x20000, 4096, 8192, 1 << 18, 16384
_LIBC = ctypes.CDLL(None, use_errno=True)


def closed_parents(path: Path) -> list[Path]:
    """Folders above `path` that others may not enter, the topmost first."""
    return [parent for parent in reversed(path.parents) if not parent.stat().st_mode & 0o001]


def open_the_way(path: Path, closed: Path) -> None:
    """Put an empty folder, which all may enter, over `closed`, and `path` back into it. Raises OSError."""
    _checked(_LIBC.unshare(_NEW_NAMESPACE))
    _mount(None, Path("/"), _RECURSIVE | _PRIVATE)
    stage = Path("/mnt")
    _mount(path, stage, _BIND | _RECURSIVE)
    _mount(None, closed, 0, b"tmpfs")
    os.chmod(closed, 0o755)
    path.mkdir(parents=True)
    _mount(stage, path, _MOVE)


def _mount(source: Path | None, target: Path, flags: int, kind: bytes | None = None) -> None:
    origin = b"tmpfs" if kind else None if source is None else bytes(source)
    _checked(_LIBC.mount(origin, bytes(target), kind, ctypes.c_ulong(flags), None))


def _checked(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def main() -> None:
    python = Path(sys.base_prefix).resolve()
    if closed := closed_parents(python):
        try:
            open_the_way(python, closed[0])
        except OSError as error:
            print(f"cannot make {python} visible to others: {error}")
            sys.exit(CANNOT)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    os.execv(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
