"""All teachers on simulated students: what their mechanics do, not which is best.

    python experiments/benchmarks/teachers.py [--seeds 16] [--rollouts 16000] [--only-report]

A student has six skills; a task needs one of them and something of its own. A rollout succeeds with probability
sigmoid(skill + own - need); what is learned at a visit is proportional to the sum of absolute advantages, as a policy
gradient's size is. That favours teachers that seek advantages, so nothing is ranked by this. Impossible tasks never
succeed, coin flips succeed half of the time and teach nothing.

Writes results/teachers.json beside it, and its table into docs/curriculum.md. About four minutes on one core.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1] / "evidence"))

from bench import ROOT, put

from soar.core.seeding import keyed_rng
from soar.curriculum import TEACHERS, AdaRFT, Known, Stages, Teacher, make_teacher, plan_step
from soar.evaluation.statistics import Estimate, bootstrap

RESULTS = Path(__file__).parent / "results"
PAGE = ROOT / "docs" / "curriculum.md"
TASKS, TARGETS, SKILLS, TARGET_SKILLS = 240, 60, 6, 2
DRAWS, GROUP = 8, 16  # tasks of a step; rollouts a task on average
SKILL_RATE, OWN_RATE = 0.008, 0.08  # per unit of absolute advantage
MISJUDGED = 2.0  # standard deviation of estimated needs around true ones, which spread over 6
TRUE = "adarft, true difficulty"
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Setting:
    """What varies: share of learning that goes to the skill; shares of tasks that are impossible, or coin flips."""

    transfer: float = 0.5
    impossible: float = 0.15
    noise: float = 0.1


SETTINGS = {
    "as described": Setting(),
    "no transfer": replace(Setting(), transfer=0.0),
    "skill alone": replace(Setting(), transfer=1.0),
    "none impossible": replace(Setting(), impossible=0.0),
    "40% impossible": replace(Setting(), impossible=0.4),
    "no coin flips": replace(Setting(), noise=0.0),
    "30% coin flips": replace(Setting(), noise=0.3),
}
ON_TARGETS = "targets"


class Student:
    """Tasks 0 to 239 to learn from, and target tasks of two skills, never seen."""

    def __init__(self, setting: Setting, seed: int) -> None:
        rng = keyed_rng("student", seed)
        self.setting = setting
        self.skill_of = rng.integers(SKILLS, size=TASKS + TARGETS)
        self.skill_of[TASKS:] = rng.integers(TARGET_SKILLS, size=TARGETS)
        self.need = rng.uniform(-1, 5, size=TASKS + TARGETS)
        kind = rng.random(TASKS + TARGETS)  # the same draws in every setting
        self.impossible = kind < setting.impossible
        self.coin = kind > 1 - setting.noise
        self.learnable = ~(self.impossible | self.coin)
        judged = self.need + rng.normal(0, MISJUDGED, size=TASKS + TARGETS)
        self.judged = np.where(self.impossible, judged.max(), judged)  # what was never solved seems hardest
        self.skills, self.own = np.zeros(SKILLS), np.zeros(TASKS + TARGETS)

    def success(self) -> Floats:
        """Return the chance of success at each task, targets last."""
        chance = 1 / (1 + np.exp(self.need - self.skills[self.skill_of] - self.own))
        found: Floats = np.where(self.impossible, 0.0, np.where(self.coin, 0.5, chance))
        return found

    def learn(self, task: int, rewards: Floats, rate: float) -> None:
        """Learn from a group of rollouts."""
        if self.learnable[task]:
            signal = rate * float(np.abs(rewards - rewards.mean()).sum())
            self.skills[self.skill_of[task]] += SKILL_RATE * self.setting.transfer * signal
            self.own[task] += OWN_RATE * (1 - self.setting.transfer) * signal


def known(student: Student, visits: int) -> Known:
    """Return what a teacher is told: needs as they are judged, in [0, 1] by rank; skills as features."""
    tasks = [str(task) for task in range(TASKS)]
    ranks = np.argsort(np.argsort(student.judged[:TASKS], kind="stable"), kind="stable") / (TASKS - 1)
    vectors = [np.append(2.0 * np.eye(SKILLS)[student.skill_of[task]], 0.0) for task in range(TASKS + TARGETS)]
    features = {task: np.append(vectors[int(task)][:-1], rank) for task, rank in zip(tasks, ranks, strict=True)}
    targets = {str(task): np.append(vectors[task][:-1], 0.5) for task in range(TASKS, TASKS + TARGETS)}
    difficulty = dict(zip(tasks, ranks.tolist(), strict=True))
    return Known(tasks, difficulty, features=features, targets=targets, visits=visits // 2)


def teacher_of(name: str, student: Student, visits: int) -> Teacher:
    """Return a teacher with its usual options."""
    if name != TRUE:
        return make_teacher(name, known(student, visits))
    needs = np.where(student.impossible, 5.0, student.need)[:TASKS]
    return AdaRFT({str(task): float((need + 1) / 6) for task, need in enumerate(needs)})


def taught(name: str, setting: Setting, seed: int, rollouts: int) -> tuple[float, float]:
    """Return the mean success at the end, over the learnable tasks and over the learnable targets."""
    student = Student(setting, seed)
    teacher = teacher_of(name, student, rollouts // GROUP)
    for step in range(rollouts // (DRAWS * GROUP)):
        rng = keyed_rng("step", name, seed, step)
        rate = teacher.rate if isinstance(teacher, Stages) else 1.0
        plan = plan_step(teacher, rng, tasks=DRAWS, rollouts=DRAWS * GROUP)
        success = student.success()
        for task, count in plan.items():
            rewards = (rng.random(count) < success[int(task)]).astype(np.float64)
            student.learn(int(task), rewards, rate)
            teacher.update(task, rewards.tolist())
    success, learnable = student.success(), student.learnable
    return float(success[:TASKS][learnable[:TASKS]].mean()), float(success[TASKS:][learnable[TASKS:]].mean())


def measure(seeds: int, rollouts: int) -> dict[str, dict[str, list[float]]]:
    """Return the success in each setting, of each teacher, at each seed."""
    found: dict[str, dict[str, list[float]]] = {column: {} for column in (*SETTINGS, ON_TARGETS)}
    for title, setting in SETTINGS.items():
        for name in (*TEACHERS, TRUE):
            pairs = [taught(name, setting, seed, rollouts) for seed in range(seeds)]
            found[title][name] = [round(on_tasks, 4) for on_tasks, _ in pairs]
            if setting == Setting():
                found[ON_TARGETS][name] = [round(on_targets, 4) for _, on_targets in pairs]
        print(f"{title}: done", file=sys.stderr)
    return found


def rows(found: Mapping[str, Mapping[str, list[float]]]) -> list[list[str]]:
    """Return a row per teacher: uniform's success in percent, that of others as the difference, seed by seed."""
    made = []
    for name in next(iter(found.values())):
        cells = []
        for values in found.values():
            base, mine = np.array(values["uniform"]), np.array(values[name])
            estimate = bootstrap(mine if name == "uniform" else mine - base)
            assert estimate is not None
            cells.append(cell(estimate, "" if name == "uniform" else "+"))
        made.append([name, *cells])
    return made


def cell(estimate: Estimate, sign: str) -> str:
    """`+1.0 [-0.5, +2.5]`, in percent."""
    value, low, high = (f"{100 * share:{sign}.1f}" for share in (estimate.value, estimate.low, estimate.high))
    return f"{value} [{low}, {high}]"


def main(
    seeds: Annotated[int, typer.Option(help="Students of each setting.")] = 16,
    rollouts: Annotated[int, typer.Option(help="Of each teacher, all paid for.")] = 16_000,
    only_report: Annotated[bool, typer.Option("--only-report", help="Measure nothing.")] = False,
) -> None:
    """Measure; write results and table."""
    path = RESULTS / "teachers.json"
    if not only_report:
        RESULTS.mkdir(exist_ok=True)
        path.write_text(json.dumps(measure(seeds, rollouts)) + "\n")
    found = json.loads(path.read_text())
    put("teachers", ["teacher", *found], rows(found), PAGE)


if __name__ == "__main__":
    typer.run(main)
