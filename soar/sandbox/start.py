"""How a zygote begins: namespaces, libraries, confinement. Run by `soar.sandbox.handle` in a fresh interpreter with an
empty environment, in which nothing else of `soar` is loaded."""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import sys
from pathlib import PurePath
from typing import NoReturn

from soar.sandbox import confinement, limits, wire
from soar.sandbox.outcome import Limits

_LIBRARIES = [
    *("numpy", "numpy.fft", "numpy.linalg", "numpy.ma", "numpy.random", "numpy.lib.stride_tricks"),
    *("scipy.ndimage", "soar.grids"),
    *("bisect", "collections.abc", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools"),
    *("heapq", "itertools", "math", "operator", "queue", "random", "re", "statistics", "string", "time", "typing"),
]
# What scipy.ndimage brings along and hardly a program touches: loaded at the first use, in the program's process, since
# each page and each mapping that the zygote has costs every fork.
_AT_FIRST_USE = ["numpy.f2py", "numpy.testing"]
_NOT_FOR_PROGRAMS = {"site-packages", "dist-packages", "__pycache__"}


def main() -> NoReturn:
    """Confine this process, report the layers that hold, and serve jobs until the parent goes."""
    settings = json.loads(sys.argv[1])
    control: int = settings["control"]
    layers: confinement.Layers = dict.fromkeys(wire.LAYERS, "not asked for")
    confinement.enter_namespaces(settings["layers"], layers)
    limits.die_with_parent()  # after the namespaces: a change of credentials undoes it
    if layers.get("pid namespace") is True:
        _become_first(control)
    sys.path[:] = [os.path.realpath(path) for path in sys.path if os.path.isdir(path)] + settings["libraries"]
    from soar.sandbox.zygote import ParentGoneError, Zygote  # brings numpy, which the waiting process does without

    _load_libraries()
    limits.adopt_orphans()
    limits.bound_zygote(bounds := Limits(**settings["limits"]))
    confinement.confine_zygote(settings["layers"], _readable(settings["libraries"]), layers)
    os.dup2(0, 2)  # what went wrong so far, the parent has read from here
    zygote = Zygote(control, bounds, layers)
    zygote.report(wire.READY, 0.0, json.dumps(layers).encode())
    try:
        zygote.serve()
    except (ParentGoneError, BrokenPipeError, ConnectionResetError):
        os._exit(0)


def _become_first(control: int) -> None:
    """Go on in the first process of the new pid namespace; this one waits for it, and takes it along when it dies."""
    pid = os.fork()
    if pid:
        os.close(control)
        os.dup2(0, 2)
        os.waitpid(pid, 0)
        os._exit(0)
    limits.die_with_parent()


def _load_libraries() -> None:
    for name in _AT_FIRST_USE:
        _load_at_first_use(name)
    for name in _LIBRARIES:
        importlib.import_module(name)
    import warnings

    import numpy as np

    np.zeros((2, 2)) @ np.ones((2, 2))  # the first use of a library may set things up
    np.random.seed(0)
    warnings.simplefilter("ignore")
    for package in ("soar", "soar.sandbox"):
        sys.modules[package].__path__ = []
    os.environ.clear()
    gc.collect()
    gc.freeze()
    limits.gather_memory()


def _load_at_first_use(name: str) -> None:
    """Put a module in place that loads itself when something is asked of it."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:  # this version of the library has none
        return
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    package, _, attribute = name.rpartition(".")
    setattr(sys.modules[package], attribute, module)


def _readable(libraries: list[str]) -> list[str]:
    """The files that a program may need: the standard library, numpy, scipy, `soar.grids`; and nothing beside them."""
    packages = [sys.modules[name] for name in ("numpy", "scipy", "soar.grids")]
    paths = [os.path.dirname(package.__file__ or "") for package in packages]
    paths += [path for library in libraries for name in ("numpy.libs", "scipy.libs") if (path := f"{library}/{name}")]
    for directory in sys.path:
        if directory not in libraries:
            paths += [entry.path for entry in os.scandir(directory) if entry.name not in _NOT_FOR_PROGRAMS]
    real = {os.path.realpath(path) for path in paths if os.path.exists(path)}
    return sorted(path for path in real if not any(str(parent) in real for parent in PurePath(path).parents))
