"""The process of an evaluator: loads its file once, and forks for each program that it is to score.

It has no network, and a pid namespace of its own where the kernel gives one, so that one signal ends all that an
evaluation has started. Time, and the memory of everything together, are watched from outside of the fork.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import random
import resource
import select
import signal
import socket
import sys
import time
import traceback
import types
from pathlib import Path
from typing import Any, NoReturn

from soar.evolution.scores import calls  # noqa: F401 - stand-ins import it: once here, not in every fork
from soar.sandbox import confinement, limits

STAGE = "evaluate_stage1"
_NAMESPACES = ("user namespace", "pid namespace", "network namespace", "ipc namespace")
_TICK_SECONDS = 0.05
_LARGEST = 1 << 20  # bytes of a result
_FILE_BYTES = 1 << 28
_PAGE = os.sysconf("SC_PAGE_SIZE")


def main() -> NoReturn:
    """Serve until the other end of the socket is closed."""
    settings = json.loads(sys.argv[1])
    control = socket.socket(fileno=settings["control"])
    layers: confinement.Layers = {}
    confinement.enter_namespaces(_NAMESPACES, layers)
    limits.die_with_parent()
    if layers.get("pid namespace") is True and (pid := os.fork()):
        control.close()
        os.waitpid(pid, 0)
        os._exit(0)
    limits.die_with_parent()
    limits.adopt_orphans()
    reach: limits.Reach = "namespace" if layers.get("pid namespace") is True else "orphans"
    try:
        module = _load(Path(settings["evaluator"]))
    except BaseException as error:
        _send(control, {"trouble": _last(error)})
        os._exit(0)
    _send(control, {"layers": layers, "stage": callable(getattr(module, STAGE, None))})
    with control.makefile("rb") as jobs:
        for line in jobs:
            _send(control, _judged(module, json.loads(line), settings, reach))
    os._exit(0)


def _load(file: Path) -> Any:
    """A file as a module, which defines `evaluate`."""
    if importlib.util.find_spec("openevolve") is None:
        _lend_result_type()
    sys.path.insert(0, str(file.parent))
    spec = importlib.util.spec_from_file_location("evaluator", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["evaluator"] = module
    spec.loader.exec_module(module)
    if not callable(getattr(module, "evaluate", None)):
        raise ValueError("defines no function evaluate(path)")
    return module


def _lend_result_type() -> None:
    """Let evaluators import the result type of OpenEvolve where that is not installed."""
    made = dataclasses.make_dataclass(
        "EvaluationResult", ["metrics", ("artifacts", dict, dataclasses.field(default_factory=dict))]
    )
    for name in ("openevolve", "openevolve.evaluation_result"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["openevolve.evaluation_result"].EvaluationResult = made  # type: ignore[attr-defined]


def _judged(module: Any, job: dict[str, Any], settings: dict[str, Any], reach: limits.Reach) -> dict[str, Any]:
    """What came of one evaluation, in a fork."""
    inner, outer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(inner)
        _evaluate(module, job, settings, outer)
    os.close(outer)
    try:
        return _watched(inner, settings)
    finally:
        os.close(inner)
        limits.end_everything(pid, reach)


def _watched(inner: int, settings: dict[str, Any]) -> dict[str, Any]:
    held, end = bytearray(), time.monotonic() + settings["seconds"]
    while True:
        if select.select([inner], [], [], _TICK_SECONDS)[0]:
            part = os.read(inner, 1 << 16)
            held += part
            if not part or held.endswith(b"\n"):
                break
        if time.monotonic() > end:
            return {"failure": "timeout", "why": f"took more than {settings['seconds']:g} seconds"}
        if len(held) > _LARGEST:
            return {"failure": "failed", "why": "the evaluator's result is too large"}
        if _resident(_own_children()) > settings["memory_mb"] * 2**20:
            return {"failure": "memory", "why": f"used more than {settings['memory_mb']} MiB"}
    try:
        result = json.loads(held)
    except ValueError:
        return {"failure": "failed", "why": "the evaluation ended without a result"}
    return result if isinstance(result, dict) else {"failure": "failed", "why": "the evaluation gave no result"}


def _evaluate(module: Any, job: dict[str, Any], settings: dict[str, Any], outer: int) -> NoReturn:
    """Score a program, and end this process."""
    result: dict[str, Any]
    try:
        os.setsid()
        limits.die_with_parent()
        _bound(settings["memory_mb"])
        os.chdir(job["scratch"])
        os.environ["TMPDIR"] = os.environ["HOME"] = job["scratch"]
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(nothing, fd)
        random.seed(job["run"])
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed(job["run"])
        result = _plain(getattr(module, job["function"])(job["path"]))
    except MemoryError:
        result = {"failure": "memory", "why": f"used more than {settings['memory_mb']} MiB"}
    except BaseException as error:
        result = {"failure": "failed", "why": _last(error)}
    data = json.dumps(result).encode() + b"\n"
    while data:
        data = data[os.write(outer, data) :]
    os._exit(0)


def _bound(memory_mb: int) -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * _PAGE if sys.platform == "linux" else 0
    for limit, most in (
        (resource.RLIMIT_AS, used + memory_mb * 2**20),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, _FILE_BYTES),
    ):
        hard = resource.getrlimit(limit)[1]
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (least, least))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def _plain(given: Any) -> dict[str, Any]:
    """A result as JSON: exact numbers stay, all else becomes text, which is no score."""
    metrics, artifacts = given, None
    if not isinstance(given, dict) and isinstance(getattr(given, "metrics", None), dict):
        metrics, artifacts = given.metrics, getattr(given, "artifacts", None)
    if not isinstance(metrics, dict):
        return {"value": _number(metrics), "feedback": ""}
    told = [metrics[name] for name in ("feedback", "error") if isinstance(metrics.get(name), str)]
    told += [f"{name}: {text}" for name, text in artifacts.items()] if isinstance(artifacts, dict) else []
    numbers = {str(name)[:200]: _number(value) for name, value in metrics.items()}
    return {"value": numbers, "feedback": "\n".join(text[:10_000] for text in told)}


def _number(value: Any) -> Any:
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    if type(value) is int:
        return value if abs(value) < 2**1000 else "a huge number"
    return value if type(value) in (float, bool) else repr(value)[:200]


def _own_children() -> list[int]:
    """Children of this process, by their numbers in /proc."""
    path = Path("/proc/thread-self/children")
    return [int(pid) for pid in path.read_text().split()] if path.exists() else []


def _resident(pids: list[int]) -> int:
    """Bytes of memory of processes and of all that descends from them."""
    total = 0
    for pid in pids:
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
            tasks = [task / "children" for task in Path(f"/proc/{pid}/task").iterdir()]
            total += _resident([int(one) for file in tasks for one in file.read_text().split()])
        except OSError:  # it has just ended
            continue
    return total


def _last(error: BaseException) -> str:
    """An error in a line, with the last line of code that it went through."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {str(error)[:2000]}{where}"


def _send(control: socket.socket, message: dict[str, Any]) -> None:
    control.sendall(json.dumps(message).encode() + b"\n")
