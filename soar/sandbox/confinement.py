"""Layers that keep a program away from files, processes, the network and the rest of the machine.

Each is used where the kernel has it. `enter_namespaces` comes first, in a process without threads; `confine_zygote`
once, after the libraries are loaded; `confine_child` in each program's process. They note in `layers` what holds: True,
or why not. Sources: namespaces(7), pivot_root(2), landlock(7), seccomp(2), capabilities(7)."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from soar.sandbox import seccomp

Layers = dict[str, bool | str]

_NAMESPACES = {
    "user namespace": 0x10000000,
    "mount namespace": 0x00020000,
    "pid namespace": 0x20000000,
    "network namespace": 0x40000000,
    "ipc namespace": 0x08000000,
}
_PR_SET_NO_NEW_PRIVS = 38
_MS_BIND, _MS_REC, _MS_PRIVATE, _MNT_DETACH = 4096, 16384, 1 << 18, 2
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_MOUNT_SETATTR, _AT_RECURSIVE, _AT_FDCWD = 442, 0x8000, -100
_READ_ONLY_NO_SUID_NO_DEVICES = 1 | 2 | 4
_STAGES = ("/tmp", "/mnt", "/srv", "/media", "/sys")  # directories over which the new root can be put together
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_READ_FILE, _READ_DIR = 4, 8

_LIBC = ctypes.CDLL(None, use_errno=True)
_filter = b""


def enter_namespaces(wanted: Sequence[str], layers: Layers) -> None:
    """Leave the namespaces of the parent. The next fork is the first process of the new pid namespace."""
    user, group = os.getuid(), os.getgid()
    for name, flag in _NAMESPACES.items():
        if name in wanted:
            _try(name, layers, lambda flag=flag: _checked(_LIBC.unshare(flag)))  # type: ignore[misc]
    if layers.get("user namespace") is True:  # keep the ids, so that what was readable still is
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)


def confine_zygote(wanted: Sequence[str], readable: Sequence[str], layers: Layers) -> None:
    """Give up all but reading `readable`: absolute real paths of files, and of directories with all they hold."""
    steps: dict[str, Callable[[], None]] = {
        "file tree": lambda: _enter_own_tree(readable, layers),
        "capabilities": _drop_capabilities,
        "no new privileges": lambda: _checked(_LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)),
        "landlock": lambda: _restrict_files(readable),
        "seccomp": _prepare_filter,
    }
    for name, step in steps.items():
        if name in wanted:
            _try(name, layers, step)


def confine_child(layers: Layers) -> None:
    """What only a program's process gives up: forking, signals, and most system calls. Raises OSError."""
    if layers.get("seccomp") is True:
        seccomp.install(_filter, _LIBC)


def _try(name: str, layers: Layers, step: Callable[[], None]) -> None:
    if sys.platform != "linux":
        layers[name] = "Linux only"
        return
    try:
        step()
    except OSError as error:  # the kernel, or the container around us, does not give this layer
        layers[name] = error.strerror or str(error)
    else:
        layers[name] = True


def _checked(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _prepare_filter() -> None:
    """Make the filter, and install it in a process that ends at once, to learn whether the kernel takes it."""
    global _filter
    if why := seccomp.unavailable():
        raise OSError(0, why)
    _filter = seccomp.assemble()
    pid = os.fork()
    if pid == 0:
        try:
            seccomp.install(_filter, _LIBC)
            os.getpid()
            os._exit(0)
        finally:
            os._exit(1)
    if os.waitpid(pid, 0)[1]:
        raise OSError(0, "the kernel refuses the filter, or new privileges could not be given up")


def _enter_own_tree(readable: Sequence[str], layers: Layers) -> None:
    """Make a file tree of nothing but `readable`, read-only, at the same paths, and the root of it ours."""
    if layers.get("mount namespace") is not True:
        raise OSError(0, "needs a mount namespace")
    if platform.machine() not in _PIVOT_ROOT:
        raise OSError(0, f"no system call numbers for {platform.machine()}")
    free = [stage for stage in _STAGES if os.path.isdir(stage) and not any(_under(path, stage) for path in readable)]
    if not free:
        raise OSError(0, f"no directory free to build it on (tried {', '.join(_STAGES)})")
    stage = free[0]
    _mount(None, "/", _MS_REC | _MS_PRIVATE)
    _mount("tmpfs", stage, 0, b"tmpfs")
    for path in readable:
        target = stage + path
        if os.path.isdir(path):
            os.makedirs(target, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o444))
        _mount(path, target, _MS_BIND | _MS_REC)
    attributes = (ctypes.c_uint64 * 4)(_READ_ONLY_NO_SUID_NO_DEVICES, 0, 0, 0)
    arguments = (_AT_FDCWD, stage.encode(), _AT_RECURSIVE, ctypes.byref(attributes), ctypes.c_size_t(32))
    _checked(_LIBC.syscall(_MOUNT_SETATTR, *arguments))
    os.chdir(stage)
    _checked(_LIBC.syscall(_PIVOT_ROOT[platform.machine()], b".", b"."))
    _checked(_LIBC.umount2(b".", _MNT_DETACH))  # the old root lies on top of the new one
    os.chdir("/")


def _mount(source: str | None, target: str, flags: int, kind: bytes | None = None) -> None:
    origin = None if source is None else source.encode()
    _checked(_LIBC.mount(origin, target.encode(), kind, ctypes.c_ulong(flags), None))


def _under(path: str, directory: str) -> bool:
    return os.path.commonpath([path, directory]) == directory


def _drop_capabilities() -> None:
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this process
    _checked(_LIBC.capset(ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)())))


def _restrict_files(readable: Sequence[str]) -> None:
    """Landlock: of all that it knows to forbid, allow only reading `readable` and the names in their directories."""
    version = _LIBC.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)
    _checked(version)
    files = (1 << (13 + (version >= 2) + (version >= 3) + (version >= 5))) - 1
    if version in (3, 4):
        files &= (1 << 15) - 1
    ports, scopes = 3 * (version >= 4), 3 * (version >= 6)  # TCP; abstract sockets and signals to others
    handled = (ctypes.c_uint64 * 3)(files, ports, scopes)
    size = 8 * (1 + (version >= 4) + (version >= 6))
    ruleset = _LIBC.syscall(_LANDLOCK_CREATE, ctypes.byref(handled), ctypes.c_size_t(size), 0)
    _checked(ruleset)
    for path in readable:
        _allow(ruleset, path, _READ_FILE | _READ_DIR if os.path.isdir(path) else _READ_FILE)
    for directory in {os.path.dirname(path) for path in readable}:  # for the import machinery, which lists them
        with suppress(OSError):
            _allow(ruleset, directory, _READ_DIR)
    _checked(_LIBC.syscall(_LANDLOCK_RESTRICT, ruleset, 0))
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    rule = rights.to_bytes(8, sys.byteorder) + place.to_bytes(4, sys.byteorder)
    _checked(_LIBC.syscall(_LANDLOCK_ADD, ruleset, 1, rule, 0))
    os.close(place)
