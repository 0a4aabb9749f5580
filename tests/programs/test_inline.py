from __future__ import annotations

import inspect
import random
import re
from collections import Counter
from importlib import import_module

import pytest

import soar.grids
from soar.programs.inline import StandaloneError
from soar.programs.program import Program
from soar.sandbox import Sandbox
from soar.sandbox.outcome import Outcome
from soar.tasks.gym.generator import HEADER, generate

GRID = [[0, 3, 3, 0], [0, 3, 0, 0], [0, 0, 0, 5], [7, 0, 5, 5]]


def outcomes(sources: list[str], inputs: list[list[list[int]]]) -> list[list[Outcome]]:
    with Sandbox(workers=1) as sandbox:
        return sandbox.run([(source, inputs) for source in sources], entry_point="transform")


def values(source: str) -> list[object]:
    return [outcome.value if outcome.status == "ok" else outcome.status for outcome in outcomes([source], [GRID])[0]]


def test_generated_programs_do_the_same() -> None:
    rng = random.Random(0)
    tasks = [generate(rng, max_side=12) for _ in range(60)]
    sources = [HEADER + task.body for task in tasks]
    alone = [Program(source).standalone().source for source in sources]
    assert not any(re.search(r"\bsoar\b", source) for source in alone)
    jobs = [(source, [grid for grid, _ in task.train]) for task, source in zip(tasks, alone, strict=True)]
    with Sandbox(workers=1) as sandbox:
        for task, found in zip(tasks, sandbox.run(jobs, entry_point="transform"), strict=True):
            assert [outcome.value for outcome in found] == [output for _, output in task.train]


def test_every_function_can_be_inlined() -> None:
    names = [name for name in soar.grids.__all__ if name != "np"]
    listing = ", ".join(names)
    source = f"from soar.grids import *\n\ndef transform(grid):\n    return len([{listing}])\n"
    assert values(Program(source).standalone().source) == [len(names)]


def test_no_two_modules_of_grids_define_one_name() -> None:
    names = ("colour", "draw", "fill", "objects", "parts", "pattern", "shape", "_base")
    modules = [import_module(f"soar.grids.{name}") for name in names]
    functions = {member for module in modules for member in inspect.getmembers(module, inspect.isfunction)}
    defined = Counter(name for name, function in functions if function.__module__.startswith("soar.grids."))
    assert defined and max(defined.values()) == 1


@pytest.mark.parametrize(
    "source",
    [
        "from soar.grids import largest as big, flip_h\n\ndef transform(grid):\n    return flip_h(big(grid))\n",
        "import soar.grids as g\n\ndef transform(grid):\n    return g.flip_h(g.largest(grid))\n",
        "import soar.grids\n\ndef transform(grid):\n    return soar.grids.flip_h(soar.grids.largest(grid))\n",
        "from soar import grids\n\ndef transform(grid):\n    return grids.flip_h(grids.largest(grid))\n",
        "def transform(grid):\n    from soar.grids import largest\n    return largest(grid)[:, ::-1]\n",
        "'''é'''\nfrom __future__ import annotations\nimport math; from soar.grids import *\n\n"
        "def transform(grid):\n    return np.array(flip_h(largest(grid)))\n",
        # Own functions and names stay the program's: mirroring inside the library does not use them.
        "from soar.grids import *\n\ndef flip_v(grid):\n    return 0\n\ndef as_grid(grid):\n    return 0\n\n"
        "def transform(grid):\n    return flip_h(largest(mirror_v(grid))) + flip_v(grid)\n",
    ],
)
def test_each_way_to_import(source: str) -> None:
    alone = Program(source).standalone().source
    assert "import soar" not in alone and "from soar" not in alone
    (expected,), (found,) = outcomes([source, alone], [GRID])
    assert expected.status == "ok" and found.value == expected.value


def test_a_program_without_soar_stays_as_it_is() -> None:
    program = Program("def transform(grid):\n    return grid\n")
    assert program.standalone() == program
    assert Program(HEADER + "    return crop(grid)\n").standalone().standalone().source.count("def _grids") == 1


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def transform(grid:\n", "no valid Python"),
        ("import soar.search\n", "soar.search"),
        ("from soar.grids import cropp\n", "line 1"),
        ("from soar.grids.shape import crop\n", "line 1"),
    ],
)
def test_what_cannot_be_inlined_is_refused(source: str, message: str) -> None:
    with pytest.raises(StandaloneError, match=message):
        Program(source).standalone()
