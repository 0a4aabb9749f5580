"""A system-call filter, assembled by hand: what is not listed here fails with EPERM.

A program needs memory, clocks, and reading files; it does not need processes, threads, signals to others, sockets,
writing, or another program's memory. The filter is a classic BPF program over `struct seccomp_data` (seccomp(2))."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from collections.abc import Sequence

_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_ALLOW, _KILL, _EPERM = 0x7FFF0000, 0x80000000, 0x00050001
# BPF opcodes: ld [k], jeq k, jge k, jset k, ret k
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16

_X86_64, _AARCH64 = "x86_64", "aarch64"
_AUDIT_ARCHITECTURE = {_X86_64: 0xC000003E, _AARCH64: 0xC00000B7}

_ALLOWED = {
    _X86_64: {
        # read write close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn
        *(0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
        # pread64 readv access select sched_yield mremap mincore madvise dup dup2 nanosleep getitimer alarm setitimer
        *(17, 19, 21, 23, 24, 25, 27, 28, 32, 33, 35, 36, 37, 38),
        # getpid exit uname getcwd readlink gettimeofday getrlimit getrusage sysinfo times getuid getgid geteuid getegid
        *(39, 60, 63, 79, 89, 96, 97, 98, 99, 100, 102, 104, 107, 108),
        # getppid getpgrp getpgid getsid sigaltstack statfs fstatfs arch_prctl gettid time futex sched_getaffinity
        *(110, 111, 121, 124, 131, 137, 138, 158, 186, 201, 202, 204),
        # getdents64 set_tid_address restart_syscall fadvise64 clock_gettime clock_getres clock_nanosleep exit_group
        *(217, 218, 219, 221, 228, 229, 230, 231),
        # newfstatat readlinkat faccessat pselect6 ppoll set_robust_list get_robust_list dup3 getcpu getrandom
        *(262, 267, 269, 270, 271, 273, 274, 292, 309, 318),
        # membarrier statx rseq faccessat2
        *(324, 332, 334, 439),
    },
    _AARCH64: {
        # getcwd dup dup3 statfs fstatfs faccessat close getdents64 lseek read write readv pread64 pselect6 ppoll
        *(17, 23, 24, 43, 44, 48, 57, 61, 62, 63, 64, 65, 67, 72, 73),
        # readlinkat newfstatat fstat exit exit_group set_tid_address futex set_robust_list get_robust_list nanosleep
        *(78, 79, 80, 93, 94, 96, 98, 99, 100, 101),
        # getitimer setitimer clock_gettime clock_getres clock_nanosleep sched_getaffinity sched_yield restart_syscall
        *(102, 103, 113, 114, 115, 123, 124, 128),
        # sigaltstack rt_sigaction rt_sigprocmask rt_sigreturn times getpgid getsid uname getrlimit getrusage getcpu
        *(132, 134, 135, 139, 153, 155, 156, 160, 163, 165, 168),
        # gettimeofday getpid getppid getuid geteuid getgid getegid gettid sysinfo brk munmap mremap mmap fadvise64
        *(169, 172, 173, 174, 175, 176, 177, 178, 179, 214, 215, 216, 222, 223),
        # mprotect mincore madvise getrandom membarrier statx rseq faccessat2
        *(226, 232, 233, 278, 283, 291, 293, 439),
    },
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
# (number, index of an argument, bits of it that must be clear)
_MASKED = {_X86_64: [(2, 1, _WRITING), (257, 2, _WRITING)], _AARCH64: [(56, 2, _WRITING)]}  # open, openat
_ASKING_IOCTLS = [0x5401, 0x541B, 0x5450, 0x5451]  # is it a terminal, bytes waiting, close-on-exec off and on
_OWN_FCNTLS = [0, 1, 2, 3, 1030]  # duplicate, flags
# (number, index of an argument, what it may be); prlimit64 only asks when its third argument is a null pointer
_CHOICES = {
    _X86_64: [(16, 1, _ASKING_IOCTLS), (72, 1, _OWN_FCNTLS), (302, 2, [0])],
    _AARCH64: [(29, 1, _ASKING_IOCTLS), (25, 1, _OWN_FCNTLS), (261, 2, [0])],
}

_Instruction = tuple[int, int, int, int]  # opcode, jump if true, jump if false, operand


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def unavailable() -> str | None:
    """Why this machine has no filter, or None."""
    return None if platform.machine() in _ALLOWED else f"no list of system calls for {platform.machine()}"


def assemble() -> bytes:
    """The filter for this machine, as an array of `struct sock_filter`.

    It searches for the number of the call by halves: the kernel runs a new filter once for each number that there is,
    and a program's process installs it anew."""
    machine = platform.machine()
    refuse: list[_Instruction] = [(_RETURN, 0, 0, _EPERM)]
    verdicts = {number: [(_RETURN, 0, 0, _ALLOW)] for number in _ALLOWED[machine]}
    for number, argument, bits in _MASKED[machine]:
        verdicts[number] = _with_argument(argument, [(_ANY_BIT, 1, 0, bits), (_RETURN, 0, 0, _ALLOW)])
    for number, argument, values in _CHOICES[machine]:
        test = [item for value in values for item in ((_EQUAL, 0, 1, value), (_RETURN, 0, 0, _ALLOW))]
        verdicts[number] = _with_argument(argument, test)
    runs: list[tuple[int, list[_Instruction]]] = []  # from this number on, to the next run: this
    for number in range(max(verdicts) + 2):
        verdict = verdicts.get(number, refuse)
        if not runs or runs[-1][1] != verdict:
            runs.append((number, verdict))
    code: list[_Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_EQUAL, 1, 0, _AUDIT_ARCHITECTURE[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
        *_search(runs),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _search(runs: Sequence[tuple[int, list[_Instruction]]]) -> list[_Instruction]:
    """Instructions that find the run which the number in the accumulator lies in, and do what is said there."""
    if len(runs) == 1:
        return runs[0][1]
    middle = len(runs) // 2
    below = _search(runs[:middle])
    return [(_AT_LEAST, len(below), 0, runs[middle][0]), *below, *_search(runs[middle:])]


def _with_argument(argument: int, test: list[_Instruction]) -> list[_Instruction]:
    """`test` on the lower half of an argument whose upper half is clear; else, or if it falls through, EPERM."""
    at = _ARGUMENTS_AT + 8 * argument
    upper = [(_LOAD, 0, 0, at + 4), (_EQUAL, 1, 0, 0), (_RETURN, 0, 0, _EPERM)]
    return [*upper, (_LOAD, 0, 0, at), *test, (_RETURN, 0, 0, _EPERM)]


def install(code: bytes, libc: ctypes.CDLL) -> None:
    """Put the filter on this process, for good. It must have given up new privileges before. Raises OSError."""
    program = _Program(len(code) // 8, code)
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), f"seccomp: {os.strerror(ctypes.get_errno())}")
