"""ALP-GMM: learning progress over difficulty features, by a mixture of Gaussians."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from soar.core.seeding import keyed_rng
from soar.curriculum.base import BaseTeacher, mean, pick
from soar.curriculum.fixed import matrix

RIDGE = 1e-3  # on the diagonal of covariances, in units of the unit square
Floats = NDArray[np.float64]


class ALPGMM(BaseTeacher):
    """Gaussians are fitted to (features, |change of reward|); one is drawn by its mean change, and of it a point.

    Source: ALP-GMM (Portelas et al. 2019, arXiv 1910.07224): the change is against the nearest task
    visited before, the number of Gaussians is chosen by AIC, a fifth of the draws is uniform. The paper draws tasks
    from a continuous space; here the task nearest to the point drawn is taken.

    Args:
        features: a vector for each task, such as `soar.curriculum.features.task_features`; scaled to [0, 1] here.
        window: visits that are fitted. every: visits between two fits.
        most: Gaussians at most. uniform: share of the draws that is uniform.
    """

    name = "alp-gmm"
    kept = ("history", "last", "gaussians")

    def __init__(
        self,
        features: Mapping[str, ArrayLike],
        *,
        window: int = 250,
        every: int = 50,
        most: int = 6,
        uniform: float = 0.2,
    ) -> None:
        super().__init__(features)
        raw = matrix(features)
        span = np.ptp(raw, axis=0)
        self.points = (raw - raw.min(axis=0)) / np.where(span > 0, span, 1.0)
        self.place = {task: place for place, task in enumerate(self.tasks)}
        self.window, self.every, self.most, self.uniform = window, every, most, uniform
        self.last: dict[str, float] = {}  # mean reward at the last visit
        self.history: list[list[float]] = []  # place of a task, absolute learning progress
        self.gaussians: list[dict[str, Any]] = []

    def sample(self, rng: np.random.Generator) -> str:
        """See `Teacher.sample`."""
        if not self.gaussians or rng.random() < self.uniform:
            return pick(rng, self.tasks)
        one = pick(rng, self.gaussians, [max(gaussian["mean"][-1], 0.0) for gaussian in self.gaussians])
        point = rng.multivariate_normal(one["mean"], one["covariance"], method="cholesky")[:-1]
        return self.tasks[int(((self.points - point) ** 2).sum(axis=1).argmin())]

    def learn(self, task: str, rewards: Sequence[float]) -> None:
        """Note the progress; fit anew now and then."""
        now = mean(rewards)
        if self.last:
            before = min(self.last, key=lambda one: self._apart(one, task))
            self.history = [*self.history, [self.place[task], abs(now - self.last[before])]][-self.window :]
        self.last[task] = now
        visits = sum(self.visits.values()) + 1
        if visits % self.every == 0 and len(self.history) > 2:
            data = np.array([[*self.points[int(place)], change] for place, change in self.history])
            fits = [fit(data, k, keyed_rng("alp-gmm", visits, k)) for k in range(1, min(self.most, len(data) // 8) + 1)]
            best = min(fits or [fit(data, 1, keyed_rng("alp-gmm", visits, 1))], key=lambda one: one.aic)
            self.gaussians = best.gaussians()

    def metrics(self) -> dict[str, float]:
        """Also the number of Gaussians."""
        return super().metrics() | {"gaussians": float(len(self.gaussians))}

    def _apart(self, a: str, b: str) -> float:
        return float(((self.points[self.place[a]] - self.points[self.place[b]]) ** 2).sum())


@dataclass(frozen=True, slots=True)
class Mixture:
    """Gaussians with weights (k), means (k, d), covariances (k, d, d); `aic`: Akaike's criterion, small is good."""

    weights: Floats
    means: Floats
    covariances: Floats
    aic: float

    def gaussians(self) -> list[dict[str, Any]]:
        """Return mean and covariance of each as JSON data."""
        pairs = zip(self.means, self.covariances, strict=True)
        return [{"mean": middle.tolist(), "covariance": spread.tolist()} for middle, spread in pairs]


def fit(data: Floats, k: int, rng: np.random.Generator, steps: int = 20) -> Mixture:
    """Fit k Gaussians to (points, d) by expectation and maximisation, begun from the neighbours of k random points."""
    n, d = data.shape
    centres = data[rng.choice(n, size=k, replace=False)]
    shares = np.eye(k)[((data[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)] + 1e-6
    for _ in range(steps):
        mass = shares.sum(axis=0)
        means = shares.T @ data / mass[:, None]
        apart = data[None] - means[:, None]
        covariances = np.einsum("nk,kni,knj->kij", shares, apart, apart) / mass[:, None, None] + RIDGE * np.eye(d)
        roots = np.linalg.cholesky(covariances)
        squares = (np.linalg.solve(roots, apart.transpose(0, 2, 1)) ** 2).sum(axis=1).T
        volumes = np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1)
        logs = np.log(mass / mass.sum()) - squares / 2 - volumes - d / 2 * np.log(2 * np.pi)
        shares = np.exp(logs - logsumexp(logs, axis=1, keepdims=True)) + 1e-12
    parameters = k * (1 + d + d * (d + 1) / 2) - 1
    return Mixture(mass / mass.sum(), means, covariances, 2 * parameters - 2 * float(logsumexp(logs, axis=1).sum()))
