"""What the kernel bounds, and how to see and end what a process has started."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from math import ceil
from typing import Literal

from soar.sandbox.outcome import Limits

Reach = Literal["namespace", "group", "orphans"]

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_MADV_COLLAPSE, _LARGE = 25, 2**21
_LINUX = sys.platform == "linux"
_CHILDREN = "/proc/thread-self/children"
_LIBC = ctypes.CDLL(None, use_errno=True)

_list_of_children: int | None = None


def bound_zygote(bounds: Limits) -> None:
    """Bound this process and all that it forks; nothing of it can be raised again without privileges."""
    fixed = {
        "RLIMIT_AS": _address_space() + bounds.memory_mb * 2**20,
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": 0,
        "RLIMIT_NOFILE": 256,
        "RLIMIT_MEMLOCK": 0,
        "RLIMIT_MSGQUEUE": 0,
    }
    if not _LINUX:  # elsewhere the kernel does not bound address space, and does not tell it
        del fixed["RLIMIT_AS"]
    for name, value in fixed.items():
        if hasattr(resource, name):
            _bound(getattr(resource, name), value, value)


def bound_child(bounds: Limits, inputs: int) -> None:
    """The hard backstop of the CPU limit, should the zygote not look for a while."""
    seconds = ceil(bounds.seconds * inputs) + 1
    _bound(resource.RLIMIT_CPU, seconds, seconds + 1)
    die_with_parent()


def _bound(limit: int, soft: int, hard: int) -> None:
    """Lower a limit of this process; where what it inherited is lower already, that stays: it cannot be raised."""
    inherited, gap = resource.getrlimit(limit)[1], hard - soft  # at equal limits of CPU time the kernel kills at once
    if inherited != resource.RLIM_INFINITY:
        hard = min(hard, inherited)
    resource.setrlimit(limit, (max(hard - gap, 0), hard))


def die_with_parent() -> None:
    if _LINUX:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """Let what descends from this process become its child when its own parent dies, so that it can be ended."""
    global _list_of_children
    if _LINUX:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        if os.access(_CHILDREN, os.R_OK):  # opened now: Landlock will not let it be opened later
            _list_of_children = os.open(_CHILDREN, os.O_RDONLY | os.O_CLOEXEC)


def cpu_seconds(pid: int) -> float:
    """CPU time that process `pid` (alive, or not yet waited for) has used; 0 where the kernel cannot tell."""
    if not _LINUX:
        return 0.0
    return time.clock_gettime((~pid << 3) | 2)  # the clock id that clock_getcpuclockid(3) makes


def gather_memory() -> None:
    """Move this process's memory into large pages, where the kernel does that (Linux 6.1; else nothing happens): a fork
    then copies, and the end of the child frees, thousands of entries fewer. For when nothing more will be loaded."""
    if not _LINUX:
        return
    with open("/proc/self/maps") as file:
        areas = [(span, rights, name) for span, rights, _, _, _, *name in map(str.split, file)]
    for span, rights, name in areas:
        start, end = (int(address, 16) // _LARGE * _LARGE for address in span.split("-"))
        start += _LARGE  # rounded up, at worst by one page more than needed
        if rights == "rw-p" and name in ([], ["[heap]"]) and start < end:
            _LIBC.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_COLLAPSE)


def end_everything(pid: int, reach: Reach) -> None:
    """Kill process `pid` and all that it has started, and wait for them.

    "namespace": in a pid namespace of our own one signal reaches all at once, whatever they did to escape. "group":
    the process and its group, which suffices where it cannot fork. "orphans": also what has become our child since."""
    if reach == "namespace":
        _signal(-1)
        while _wait(-1):
            pass
        return
    _signal(-pid)
    _signal(pid)
    _wait(pid)
    while reach == "orphans" and (orphans := _children()):
        for orphan in orphans:
            _signal(orphan)
            _wait(orphan)


def _signal(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS: a group of which only the dead are left
        os.kill(pid, signal.SIGKILL)


def _wait(pid: int) -> bool:
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        return False
    return True


def _children() -> set[int]:
    """Children of this process, where /proc could be read when it began to adopt them, or can be now."""
    if _list_of_children is not None:
        return set(map(int, os.pread(_list_of_children, 1 << 16, 0).split()))
    found = set()
    if _LINUX and os.access("/proc/self/stat", os.R_OK):
        for name in os.listdir("/proc"):
            if name.isdigit() and _parent_of(name) == os.getpid():
                found.add(int(name))
    return found


def _parent_of(pid: str) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return None


def _address_space() -> int:
    """Bytes of address space that this process has now."""
    if not _LINUX:
        return 0
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _prctl(option: int, value: int) -> None:
    if _LIBC.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl {option}: {os.strerror(ctypes.get_errno())}")
