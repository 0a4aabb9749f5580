"""Where an embedder's threshold lies: python experiments/calibrate_embedder.py RUN [RUN ...] --embedder ngrams

Out of real programs, two kinds of pairs. Twins: a program and itself written otherwise (comments and blank lines, other
names of variables, one number changed). Strangers: two programs of one task that give the same outputs by calling
different functions. The cosine above which two solutions count as one should drop twins and keep strangers.

Printed for each threshold: the share of each kind of twin above it, and of strangers.
"""

from __future__ import annotations

import argparse
import ast
import itertools
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from soar.archive.reader import Archive
from soar.archive.records import Evaluator, input_hash
from soar.evolution.run_folder import RunFolder
from soar.programs.embedding import Embedder, load_embedder

THRESHOLDS = (0.7, 0.75, 0.8, 0.85, 0.875, 0.9, 0.925, 0.95, 0.975)
PAIRS = 4000  # of each kind, at most


def spaced(source: str) -> str:
    """The program with comments and blank lines."""
    return re.sub(r"(?m)^(    \S.*)$", r"\n\1  # a step", source)


def renamed(source: str) -> str:
    """The program with other names for the variables that its function assigns."""
    names = {
        node.id
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id != "grid"
    }
    for name in sorted(names):
        source = re.sub(rf"\b{name}\b", f"{name}_value", source)
    return source


def renumbered(source: str) -> str:
    """The program with its last number changed."""
    head, found, tail = source.rpartition(next(reversed(re.findall(r"\b[0-9]\b", source)), "\0"))
    return f"{head}{(int(found) + 1) % 10}{tail}" if found else source


TWINS: dict[str, Callable[[str], str]] = {"spaced": spaced, "renamed": renamed, "renumbered": renumbered}


def calls(source: str) -> frozenset[str]:
    """The names of the functions that a program calls."""
    found = (node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return frozenset(ast.unparse(function) for function in found)


def groups(runs: list[Path]) -> Iterator[list[str]]:
    """Yield the distinct eligible programs of a task that give the same outputs."""
    for run in runs:
        with Archive(run) as archive:
            for task in RunFolder(run).tasks().values():
                alike: dict[bytes, dict[str, None]] = defaultdict(dict)
                for attempt in archive.attempts(Evaluator(task)):
                    if attempt.eligible and attempt.program:
                        values = [outcome.value for outcome in (*attempt.train, *attempt.test)]
                        alike[input_hash(values)][attempt.program.source] = None
                yield from map(list, alike.values())


def cosines(embedder: Embedder, pairs: list[tuple[str, str]]) -> np.ndarray:
    """The cosine of each pair."""
    a, b = (embedder.embed([pair[side] for pair in pairs]).astype(float) for side in (0, 1))
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    found: np.ndarray = np.einsum("ij,ij->i", a, b) / lengths
    return found


def measure(runs: list[Path], embedder: Embedder) -> dict[str, object]:
    """Return, for each kind of pair, how many there are and the share above each threshold."""
    rng = np.random.default_rng(0)
    kinds: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for sources in groups(runs):
        for source in sources:
            for name, change in TWINS.items():
                twin = change(source)
                if twin != source:
                    kinds[name].append((source, twin))
        for first, second in itertools.combinations(sources, 2):
            if calls(first) != calls(second):
                kinds["strangers"].append((first, second))
    figures: dict[str, object] = {"embedder": embedder.name}
    for name, pairs in kinds.items():
        chosen = [pairs[i] for i in sorted(rng.permutation(len(pairs))[:PAIRS])]
        found = cosines(embedder, chosen)
        shares = {str(threshold): round(float((found > threshold).mean()), 3) for threshold in THRESHOLDS}
        figures[name] = {"pairs": len(pairs), "median": round(float(np.median(found)), 3), "above": shares}
    return figures


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a run")
    parser.add_argument("--embedder", default="ngrams", help="see soar.programs.embedding.load_embedder")
    given = parser.parse_args()
    print(json.dumps(measure(given.runs, load_embedder(given.embedder)), indent=1))


if __name__ == "__main__":
    main()
