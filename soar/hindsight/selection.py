"""Which programs of a task become rows (SOAR, section 3.3 and its appendix on data): at most n, by one of several laws.

All functions take programs best first, without duplicates, and a generator; the same generator gives the same choice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Literal, Protocol, get_args

import numpy as np

from soar.archive.records import input_hash
from soar.hindsight.scan import BINS, Candidate, Refinement
from soar.programs.voting import Prediction

Selection = Literal["correct-only", "uniform", "greedy", "greedy-diverse"]
RefinementSelection = Literal["uniform", "diverse", "none"]
SELECTIONS: tuple[Selection, ...] = get_args(Selection)
REFINEMENTS: tuple[RefinementSelection, ...] = get_args(RefinementSelection)


class HindsightSelection(Protocol):
    """Chooses the programs of a task that become rows."""

    def select(self, ranked: Sequence[Candidate], n: int, rng: np.random.Generator) -> Sequence[Candidate]:
        """Return at most `n` of the programs, which come best first and without duplicates."""
        ...


def correct_only(ranked: Sequence[Candidate], n: int, rng: np.random.Generator) -> list[Candidate]:
    """Return the `n` shortest of those that solve the task."""
    return [one for one in ranked if one.solves][:n]


def uniform(ranked: Sequence[Candidate], n: int, rng: np.random.Generator) -> list[Candidate]:
    """Return up to `n`, drawn evenly over what programs do: of those with the same outputs the shortest comes first."""
    alike: dict[bytes, list[Candidate]] = {}
    for one in ranked:
        alike.setdefault(one.outputs, []).append(one)
    groups = list(alike.values())
    order = [groups[i] for i in rng.permutation(len(groups))]
    turns = zip_longest(*order)  # the first of each group, then the second of each that has one
    return [one for turn in turns for one in turn if one is not None][:n]


def greedy(ranked: Sequence[Candidate], n: int, rng: np.random.Generator) -> list[Candidate]:
    """Return the `n` best."""
    return list(ranked[:n])


def greedy_diverse(ranked: Sequence[Candidate], n: int, rng: np.random.Generator) -> list[Candidate]:
    """Return the best half, and as many of the others that solve the fewest examples."""
    best = list(ranked[: n - n // 2])
    return best + fewest(ranked[len(best) :], n - len(best))


def fewest(ranked: Sequence[Candidate], n: int) -> list[Candidate]:
    """Return the `n` that solve the fewest examples, of equals the shorter."""
    return sorted(ranked, key=lambda one: (one.train_accuracy, len(one.source)))[:n]


def by_vote(
    ranked: Sequence[Candidate], predictions: Sequence[Prediction], n: int, c: float, rng: np.random.Generator
) -> list[Candidate]:
    """Return a half drawn by the vote, and as many of the others that solve the fewest examples (test time).

    Each of the given groups of the vote gets its share of the first half by a multinomial draw in proportion to its
    weight; within a group a program is drawn in proportion to 1 + c * train accuracy. What a group has too few programs
    for is dealt again among the others.
    """
    drawn = _drawn(ranked, predictions, n - n // 2, c, rng)
    taken = {one.program_hash for one in drawn}
    return drawn + fewest([one for one in ranked if one.program_hash not in taken], n - len(drawn))


def correct_by_vote(
    ranked: Sequence[Candidate], predictions: Sequence[Prediction], n: int, c: float, rng: np.random.Generator
) -> list[Candidate]:
    """Return up to `n` of those that solve all examples: groups of the vote get their shares as in `by_vote`, and each
    gives its shortest (test time)."""
    return _drawn([one for one in ranked if one.train_accuracy == 1.0], predictions, n, c, rng, shortest=True)


def _drawn(
    ranked: Sequence[Candidate],
    predictions: Sequence[Prediction],
    n: int,
    c: float,
    rng: np.random.Generator,
    shortest: bool = False,
) -> list[Candidate]:
    groups: dict[bytes, list[Candidate]] = {input_hash(list(one.outputs)): [] for one in predictions}
    weights = {input_hash(list(one.outputs)): one.weight for one in predictions}
    for candidate in ranked:
        if candidate.answer in groups:
            groups[candidate.answer].append(candidate)
    drawn: list[Candidate] = []
    left = {answer: list(group) for answer, group in groups.items() if group}
    while left and len(drawn) < n:
        shares = np.array([weights[answer] for answer in left])
        counts = rng.multinomial(n - len(drawn), shares / shares.sum())
        for (answer, group), count in zip(list(left.items()), counts, strict=True):
            odds = np.array([1 + c * one.train_accuracy for one in group])
            taken = min(count, len(group))
            picks = range(taken) if shortest else rng.choice(len(group), taken, replace=False, p=odds / odds.sum())
            drawn += [group[i] for i in picks]
            left[answer] = [one for i, one in enumerate(group) if i not in picks]
        left = {answer: group for answer, group in left.items() if group}
    return drawn


def uniform_refinements(steps: Sequence[Refinement], n: int, rng: np.random.Generator) -> list[Refinement]:
    """Return up to `n`, drawn evenly."""
    return [steps[i] for i in rng.permutation(len(steps))[:n]]


def diverse_refinements(steps: Sequence[Refinement], n: int, rng: np.random.Generator) -> list[Refinement]:
    """Return up to `n` from the four bins in turn, drawn evenly within each; a bin that is spent leaves its places."""
    bins = {name: uniform_refinements([one for one in steps if one.bin == name], len(steps), rng) for name in BINS}
    chosen: list[Refinement] = []
    for depth in range(len(steps)):
        chosen += [some[depth] for some in bins.values() if depth < len(some)]
    return chosen[:n]


def no_refinements(steps: Sequence[Refinement], n: int, rng: np.random.Generator) -> list[Refinement]:
    """Return none."""
    return []


SELECT: dict[Selection, Callable[[Sequence[Candidate], int, np.random.Generator], list[Candidate]]] = {
    "correct-only": correct_only,
    "uniform": uniform,
    "greedy": greedy,
    "greedy-diverse": greedy_diverse,
}
SELECT_REFINEMENTS: dict[
    RefinementSelection, Callable[[Sequence[Refinement], int, np.random.Generator], list[Refinement]]
] = {"uniform": uniform_refinements, "diverse": diverse_refinements, "none": no_refinements}
