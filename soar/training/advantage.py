"""Which next tokens lead to a right program, how sure that is, and what their probabilities should become.

At one place in a reply some tokens are tried (actions); from each the model goes on several times (rollouts). Nothing
here knows a network.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]
Signs: TypeAlias = NDArray[np.int64]

CONFIDENT = 0.95  # the chance of being better than the others from which on an action counts as better
DRAWS = 4000  # that the chance is estimated from
HELD = 0.5  # share of their mass that tokens without an advantage keep at least, where others rise
NOTHING = 1e-12


def state_value(probabilities: ArrayLike, solved: ArrayLike, rollouts: int) -> tuple[float, float]:
    """Return the share of rollouts that is right, weighted by the actions' probabilities, and the mass of these.

    Args:
        probabilities: of the actions under the policy, [actions].
        solved: rollouts of each that are right, [actions].
        rollouts: of each action.
    """
    mass, right = np.asarray(probabilities, dtype=np.float64), np.asarray(solved, dtype=np.float64)
    covered = float(mass.sum())
    return float((mass * right).sum() / rollouts / covered), covered


def confidences(probabilities: ArrayLike, solved: ArrayLike, rollouts: int, rng: np.random.Generator) -> Floats:
    """Return for each action the chance that it leads to a right program more often than the others do, [actions].

    The rate q of an action has a Beta(½ + right, ½ + wrong) distribution (Jeffreys' prior); the others' is their mean,
    weighted by their probabilities. Alone, an action is as likely better as worse. Arguments: see `state_value`.
    """
    mass, right = np.asarray(probabilities, dtype=np.float64), np.asarray(solved, dtype=np.float64)
    if len(mass) == 1:
        return np.full(1, 0.5)
    rates = rng.beta(0.5 + right, 0.5 + rollouts - right, size=(DRAWS, len(mass)))
    weighted = rates * mass
    others = (weighted.sum(1, keepdims=True) - weighted) / (mass.sum() - mass)
    chances: Floats = (rates > others).mean(0)
    return chances


def advantages(chances: ArrayLike) -> Signs:
    """Return +1 for actions that are surely better than the others, -1 for those surely worse, else 0, [actions]."""
    chance = np.asarray(chances, dtype=np.float64)
    return (chance >= CONFIDENT).astype(np.int64) - (chance <= 1 - CONFIDENT).astype(np.int64)


def targets(probabilities: ArrayLike, signs: ArrayLike) -> Floats:
    """Return the probability that each action should get, [actions]; what they lack to 1 is for all other tokens.

    Of a better action the log-probability is halved (√p), of a worse one doubled (p²). All that has no advantage,
    tokens that were not tried included, is scaled alike, so that everything sums to 1. Where others rise it keeps at
    least half of its mass; if that binds, they rise by less, each by the same share of its way.
    """
    mass, sign = np.asarray(probabilities, dtype=np.float64), np.asarray(signs)
    up, down = sign > 0, sign < 0
    found = np.where(up, np.sqrt(mass), np.where(down, mass**2, mass))
    neutral = max(1 - mass[up | down].sum(), 0.0)
    free = 1 - found[down].sum()
    if up.any():
        before, wanted = mass[up].sum(), found[up].sum()
        room = free - HELD * neutral - before
        found[up] = mass[up] + min(1.0, room / max(wanted - before, NOTHING)) * (found[up] - mass[up])
    rest = max(free - found[up].sum(), 0.0)
    if neutral > NOTHING:
        found[sign == 0] *= rest / neutral
    else:  # no token is left to take it
        found[~down | ~up.any()] *= 1 + rest / max(found[~down | ~up.any()].sum(), NOTHING)
    return found
