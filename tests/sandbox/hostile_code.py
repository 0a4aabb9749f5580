"""Hostile programs: those that use too much, break down, or are no programs. By family; see support.Hostile."""

from __future__ import annotations

import os

from tests.sandbox.support import MARK, family

SLEEPERS = family(
    "time",
    "timeout",
    {
        "sleep": "import time\ntime.sleep(60)",
        "a lock held for ever": "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()",
    },
    says=("took more than",),
)

TIME = family(
    "time",
    "timeout",
    {
        "loop": "while True: pass",
        "an integer in C": "10 ** 10 ** 8",
        "a catastrophic regex": "import re\nre.match('(a+)+$', 'a' * 40 + 'b')",
        "one call into numpy": "import numpy as np\nfor _ in iter(int, 1): np.sort(np.ones(10**6))",
        "all errors caught": """
            while True:
                try:
                    while True: pass
                except BaseException: pass
        """,
        "signals ignored": """
            import signal
            for number in range(1, 65):
                try: signal.signal(number, signal.SIG_IGN)
                except (OSError, ValueError): pass
            while True: pass
        """,
        "signals blocked": "import signal\nsignal.pthread_sigmask(0, range(1, 65))\nwhile True: pass",
        "at import": "# at import\nwhile True: pass",
        "in the text of an error": "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E",
        "in a hash that the encoder asks for": """
            class M(type):
                def __hash__(self):
                    while True: pass
            return [M('A', (), {})()]
        """,
        "in a finalizer": """
            class D:
                def __del__(self):
                    while True: pass
            D()
            return 5
        """,
    },
    says=("CPU time",),
)

MEMORY = [
    *family(
        "memory",
        "memory",
        {
            "a list": "return len([0] * 10**9)",
            "an array": "import numpy as np\nreturn np.ones((50000, 50000)).shape",
            "strings": "x = 'a' * 2**20\nx = [x * 1000 for _ in range(64)]",
            "a buffer": "return len(bytearray(10**9))",
            "a dict that grows": "d = {}\nfor i in iter(int, 1): d[len(d)] = bytes(10**6)",
            "pieces kept": "# all\nx = 1\ndef transform(g):\n    global x\n    while True: x = x, bytes(10**6)",
        },
        says=("128 MiB",),
    ),
    *family("memory", "timeout", {"errors caught, and on": """
        kept = []
        while True:
            try:
                while True: kept.append(bytearray(10**5))
            except MemoryError: pass
    """}),
    *family("memory", "ok", {"malloc until it fails": """
        import ctypes
        malloc = ctypes.CDLL(None).malloc
        malloc.restype = ctypes.c_void_p
        taken = 0
        while malloc(2**20): taken += 1
        return taken <= 192
    """}, value=True),
    *family("memory", ("error", "memory"), {"a map": "import mmap\nmmap.mmap(-1, 2**34)"}),
]  # fmt: skip

RECURSION = [
    *family("recursion", "error", {"itself": "return transform(grid)"}, says=("RecursionError",)),
    *family(
        "recursion",
        ("timeout", "memory", "crash", "error"),
        {
            "without a limit": "sys.setrecursionlimit(10**9)\nreturn transform(grid)",
            "through C": """
                sys.setrecursionlimit(10**9)
                class A:
                    def __getattr__(self, name): return getattr(self, name)
                A().x
            """,
            "a deep list shown": "sys.setrecursionlimit(10**9)\nx = []\nfor _ in range(10**5): x = [x]\nrepr(x)[5] + 0",
            "a source with deep brackets": "# deep\nx = " + "(" * 10**5,
            "a source with deep signs": "# deep\nx = " + "-" * 10**5 + "1",
            "a source with a long sum": "# long\nx = " + "+".join("1" * 10**5),
        },
    ),
    *family("recursion", "ok", {"a deep list freed": "x = []\nfor _ in range(10**5): x = [x]\nreturn 5"}, value=5),
]

FLOODS = [
    *family(
        "floods",
        "timeout",
        {
            "print": "while True: print('x' * 1000)",
            "both outputs": "while True: os.write(1, b'x' * 65536); os.write(2, b'x' * 65536)",
        },
    ),
    *family(
        "floods",
        "crash",
        {
            "every descriptor": "for fd in range(3, 256):\n    try: os.write(fd, b'[[1]]')\n    except OSError: pass",
            "zeros": "for fd in range(3, 256):\n    try: os.write(fd, bytes(29))\n    except OSError: pass",
            "the channel closed": "os.closerange(3, 1000)\nimport time\ntime.sleep(9)",
            "an answer forged that is none": "for _ in grid: sys._getframe(2).f_locals['send'](0, 0.0, b'[NaN]')",
            "trouble of the machinery forged": "sys._getframe(2).f_locals['send'](7, 0.0, b'')",
            "a frame longer than allowed": "sys._getframe(2).f_locals['send'](0, 0.0, b'9' * 10**6)",
        },
    ),
    *family("floods", "error", {"a huge message": "raise ValueError('x' * 10**7)"}, says=("x" * 1000,)),
    *family(
        "floods", "ok", {"much, then an answer": "print('x' * 10**6)\nos.write(2, b'x' * 10**6)\nreturn 5"}, value=5
    ),
]

CRASHES = [
    *family(
        "crashes",
        "crash",
        {
            "null pointer": "import ctypes\nctypes.string_at(0)",
            "abort": "os.abort()",
            "an object overwritten": "import ctypes\nctypes.memset(id(None), 255, 16)\nreturn [None] * 9",
            "an alarm": "import signal, time\nsignal.setitimer(signal.ITIMER_REAL, 0.01)\ntime.sleep(9)",
        },
        says=("SIG", "exit status"),
    ),
]
CRASHES += family(
    "crashes",
    ("crash", "error"),
    {"bad bytecode": "f = lambda: 0\nf.__code__ = f.__code__.replace(co_code=bytes([100, 255] * 8))\nreturn f()"},
)
if os.uname().machine == "x86_64":  # the system calls of 32-bit programs have other numbers
    CRASHES += family("crashes", "crash", {"the other gate of the kernel": """
        import ctypes, mmap
        code = mmap.mmap(-1, 4096, prot=7)
        code.write(bytes.fromhex('b814000000cd80c3'))
        return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
    """}, says=("SIGSYS",), confined=True)  # fmt: skip

EXITS = [
    *family("exits", "error", {
        "sys.exit": "sys.exit(0)",
        "at import": "# exit\nraise SystemExit(0)",
        "KeyboardInterrupt": "raise KeyboardInterrupt",
        "GeneratorExit": "raise GeneratorExit",
        "exit, which site brings": "exit()",
        "an error that cannot be shown": "class E(Exception):\n    def __str__(self): raise E\nraise E",
        "a class of errors that lies": "class M(type):\n    def __getattribute__(self, name): raise E\n"
        "class E(BaseException, metaclass=M): pass\nraise E",
    }, says=("SystemExit", "KeyboardInterrupt", "GeneratorExit", "NameError", "E:")),
    *family("exits", "crash", {"os._exit": "os._exit(0)", "os._exit at import": "# exit\nimport os\nos._exit(0)"}),
    *family("exits", ("crash", "memory"), {"an exit status of the machinery": "os._exit(112)"}),
    *family("exits", "ok", {
        "a handler that loops": "import atexit\natexit.register(transform, 1)\nwhile grid == 1: pass\nreturn 5",
        "a handler that writes": f"import atexit\natexit.register(lambda: open('/tmp/{MARK}', 'w'))\nreturn 5",
        "a finalizer at the end": "# kept\nclass D:\n    def __del__(self):\n        while True: pass\n"
        "kept = []\ndef transform(grid):\n    kept.append(D())\n    return 5",
        "a thread that outlives it": "import threading\ntry: threading.Thread(target=iter, args=(int, 1)).start()\n"
        "except RuntimeError: pass\nreturn 5",
    }, value=5),
]  # fmt: skip

SYNTAX = family(
    "syntax",
    "error",
    {
        "open bracket": "# open\ndef transform(grid):\n    return (",
        "indentation": "# indent\ndef transform(g):\n  return 1\n   return 2",
        "tabs and spaces": "# tabs\ndef transform(g):\n\tif g:\n        return 1",
        "another language": "# C\nint main(void) { return 0; }",
        "an older language": "# 2\ndef transform(g):\n    print 'x'",
        "null byte": "# null\ndef transform(g): return 1\0",
        "return outside": "# return\nreturn 1",
        "lone surrogate": "# \ud800\ndef transform(g): return g",
        "a byte order mark inside": "# mark\n\ufeffdef transform(g): return 1",
        "too many blocks": "# blocks\n" + "".join(" " * i + "if 1:\n" for i in range(120)) + " " * 120 + "pass",
    },
    says=("SyntaxError", "IndentationError", "TabError", "UnicodeEncodeError"),
)  # fmt: skip

SIGNATURES = [
    *family(
        "signatures",
        "error",
        {
            "no argument": "# none\ndef transform(): return 1",
            "two arguments": "# two\ndef transform(a, b): return 1",
            "keyword only": "# keyword\ndef transform(*, grid): return 1",
            "another name": "# other\ndef solve(grid): return grid",
            "no function": "# number\ntransform = 3",
            "nothing": "# nothing",
            "in a class": "# method\nclass Solver:\n    def transform(self, grid): return grid",
            "a name that looks the same": "# Cyrillic\ndef tr\u0430nsform(grid): return grid",
        },
        says=("TypeError", "EntryPointError"),
    ),
    *family(
        "signatures",
        "invalid",
        {
            "async": "# async\nasync def transform(grid): return grid",
            "a class": "# class\nclass transform:\n    def __init__(self, grid): pass",
        },
    ),
]

CODE = [*SLEEPERS, *TIME, *MEMORY, *RECURSION, *FLOODS, *CRASHES, *EXITS, *SYNTAX, *SIGNATURES]
