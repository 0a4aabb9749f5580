"""What each teacher does with scripted rewards."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soar.curriculum import (
    ALPGMM,
    CDAS,
    DSC,
    DUMP,
    SEC,
    VCRL,
    AdaRFT,
    BalancedFilter,
    Knapsack,
    LearningProgress,
    Prospects,
    TestTimeCurriculum,
    group_by_difficulty,
)
from soar.curriculum.allocation import confidence, gain
from soar.curriculum.base import advantage
from soar.curriculum.frontier import relative_variance
from soar.curriculum.mixture import fit
from tests.curriculum.support import drawn, known

TASKS = [f"task{i:02d}" for i in range(12)]
GROUPS = {task: "abc"[i // 4] for i, task in enumerate(TASKS)}
MIXED, DRY = [0.0, 1.0, 0.0, 1.0], [0.0] * 4


def shares(counts: Counter[str], tasks: list[str]) -> float:
    return sum(counts[task] for task in tasks) / counts.total()


def test_adarft_raises_the_target_on_success_and_lowers_it_on_failure() -> None:
    teacher = AdaRFT(known(40).hardness(), eta=0.1, alpha=2.0, beta=0.5, nearest=4)
    assert set(drawn(teacher, 100)) == set(teacher.tasks[:4])
    teacher.update("task00", [1.0, 1.0])
    assert teacher.target == pytest.approx(0.1 * math.tanh(1.0))
    for _ in range(100):
        teacher.update("task00", [1.0])
    assert teacher.target == 1.0 and set(drawn(teacher, 100)) == set(teacher.tasks[-4:])
    teacher.update("task00", [0.0])
    assert teacher.target < 1.0


@given(st.lists(st.tuples(st.sampled_from(TASKS), st.lists(st.floats(0, 1), min_size=1, max_size=4)), max_size=40))
@settings(deadline=None)
def test_cdas_keeps_competence_the_negative_mean_difficulty(visits: list[tuple[str, list[float]]]) -> None:
    teacher = CDAS(TASKS)
    for task, rewards in visits:
        teacher.update(task, rewards)
    assert teacher.competence == pytest.approx(-sum(teacher.difficulty.values()) / len(TASKS), abs=1e-9)
    assert all(-1 <= value <= 1 for value in teacher.difficulty.values())


def test_cdas_draws_from_both_sides_of_the_competence() -> None:
    teacher = CDAS(TASKS, nearest=2, difficulty={task: (i - 5.5) / 10 for i, task in enumerate(TASKS)})
    counts = Counter(drawn(teacher, 2000))
    assert set(counts) == set(TASKS[4:8]) and 0.45 < shares(counts, TASKS[4:6]) < 0.55


def test_bandits_go_where_rewards_differ() -> None:
    for teacher in (SEC(TASKS, GROUPS), DUMP(TASKS, GROUPS), LearningProgress(TASKS, GROUPS)):
        for step in range(40):
            for task in TASKS:
                rising = [float(step >= 38)] * 2 + MIXED
                teacher.update(task, rising if GROUPS[task] == "b" else DRY)
        counts = Counter(drawn(teacher, 2000))
        assert shares(counts, TASKS[4:8]) > 0.6, teacher.name
        assert len(counts) == 12 or teacher.name == "sec"


def test_sec_moves_as_its_rule_says() -> None:
    teacher = SEC(TASKS, GROUPS, rate=0.5, temperature=0.1)
    teacher.update("task00", MIXED)
    assert teacher.q == {"a": 0.25, "b": 0.0, "c": 0.0}
    weights = teacher.weights()
    assert weights["a"] / weights["b"] == pytest.approx(math.exp(2.5))


def test_dump_counts_rollouts_and_forgets_what_left_its_window() -> None:
    teacher = DUMP(TASKS, GROUPS, window=4)
    teacher.update("task00", MIXED)
    teacher.update("task01", DRY)
    assert teacher.recent["a"] == DRY and teacher.rollouts == {"a": 8, "b": 0, "c": 0}
    weights = teacher.weights()
    bounds = {n: math.sqrt(2 * math.log(9) / (n + 1)) for n in (8, 0)}
    assert weights["b"] / weights["a"] == pytest.approx(math.exp((bounds[0] - bounds[8]) / 0.1))


def test_vcrl_replays_what_varies_and_lets_go_of_the_rest() -> None:
    teacher = VCRL(TASKS, memory=2, replay=1.0)
    for task in TASKS[:3]:
        teacher.update(task, MIXED if task == "task01" else [0.0, 0.0, 0.0, 1.0])
    assert len(teacher.bank) == 2 and teacher.bank["task01"] == 1.0
    assert set(drawn(teacher, 100)) == set(teacher.bank)
    teacher.update("task01", DRY)
    assert "task01" not in teacher.bank


def test_the_filter_pays_for_pilots_and_fills_groups_of_what_it_admitted() -> None:
    teacher = BalancedFilter(TASKS, pilot=4)
    assert teacher.allocate(TASKS[:4], 64) == dict.fromkeys(TASKS[:4], 16)  # nothing is known yet
    for task, rewards in zip(TASKS, (MIXED, DRY, [1.0] * 4, MIXED), strict=False):
        teacher.update(task, rewards)
    assert teacher.admitted == ["task00", "task03"]
    assert teacher.allocate(TASKS[:4], 64) == {"task00": 28, "task01": 4, "task02": 4, "task03": 28}
    assert 0.4 < shares(Counter(drawn(teacher, 2000)), ["task00", "task03"]) < 0.6
    teacher.update("task00", DRY)
    assert teacher.admitted == ["task03"]


@given(
    counts=st.lists(st.tuples(st.integers(0, 8), st.integers(1, 8)), min_size=1, max_size=4), extra=st.integers(0, 9)
)
@settings(deadline=None, max_examples=60)
def test_the_knapsack_is_the_best_of_all_allocations(counts: list[tuple[int, int]], extra: int) -> None:
    tasks = TASKS[: len(counts)]
    teacher = Knapsack(tasks, low=2, high=8)
    for task, (right, made) in zip(tasks, counts, strict=True):
        teacher.update(task, [1.0] * min(right, made) + [0.0] * (made - min(right, made)))
    total = min(2 * len(tasks) + extra, 8 * len(tasks))
    found = teacher.allocate(tasks, total)
    assert sum(found.values()) == total and all(2 <= n <= 8 for n in found.values())

    def value(task: str, n: int) -> float:
        p = teacher.rate(task)
        return (1 - p**n - (1 - p) ** n) * p * (1 - p) ** 2

    best = {0: 0.0}  # by rollouts spent
    for task in tasks:
        spent: dict[int, float] = {}
        for before, worth in best.items():
            for n in range(2, 9):
                spent[before + n] = max(spent.get(before + n, 0.0), worth + value(task, n))
        best = spent
    assert sum(value(task, n) for task, n in found.items()) == pytest.approx(best[total])


@given(st.integers(1, 60), st.floats(0, 1))
def test_the_gain_of_a_rollout_is_the_difference_of_values_and_falls(n: int, p: float) -> None:
    def value(count: int) -> float:
        return (1 - p**count - (1 - p) ** count) * p * (1 - p) ** 2

    assert gain(n, p) == pytest.approx(value(n + 1) - value(n), abs=1e-12)
    assert gain(n + 1, p) <= gain(n, p) + 1e-12


def test_learning_progress_is_absolute() -> None:
    teacher = LearningProgress(TASKS, GROUPS, uniform=0.2)
    for _ in range(100):
        for task in TASKS:
            teacher.update(task, [1.0])
    for _ in range(3):
        teacher.update("task00", [0.0])  # it forgets
    weights = teacher.weights()
    assert weights["a"] / sum(weights.values()) > 0.8 and min(weights.values()) >= 0.2 / 3


def test_alp_gmm_goes_where_rewards_change() -> None:
    rng = np.random.default_rng(0)
    teacher = ALPGMM({f"t{i:02d}": [i / 39] for i in range(40)})
    for _ in range(400):
        task = teacher.tasks[int(rng.integers(40))]
        teacher.update(task, [float(rng.random() < 0.5)] if task < "t10" else [0.0])
    assert teacher.gaussians and shares(Counter(drawn(teacher, 1000)), list(teacher.tasks[:12])) > 0.6


def test_a_mixture_finds_two_clusters() -> None:
    rng = np.random.default_rng(0)
    data = np.vstack([rng.normal(0, 0.1, (60, 2)), rng.normal([1, 0.5], 0.1, (40, 2))])
    fits = [fit(data, k, np.random.default_rng(1)) for k in (1, 2, 3)]
    best = min(fits, key=lambda one: one.aic)
    assert best is fits[1] and sorted(best.weights.round(2)) == [0.4, 0.6]
    assert np.allclose(sorted(best.means.tolist()), [[0, 0], [1, 0.5]], atol=0.05)
    assert fits[0].aic > fits[1].aic and np.allclose(fits[0].covariances[0], np.cov(data.T, bias=True), atol=0.01)


def test_dsc_stops_when_the_vote_is_settled_and_doubles_while_it_is_not() -> None:
    teacher = DSC(known(6).hardness(), window=2, most=16)
    assert teacher.allocate(["task00"], 2) == {"task00": 2}
    teacher.vote("task00", ["a", "b"])
    assert teacher.wanted("task00") == 2
    teacher.vote("task00", ["b", None])
    assert teacher.wanted("task00") == 4
    teacher.vote("task00", ["b"] * 4)
    assert teacher.settled("task00") and teacher.wanted("task00") == 0
    assert teacher.wanted("task01") == 8  # as many as the nearest that is done
    teacher.vote("task01", [str(i) for i in range(16)])
    assert teacher.settled("task01")  # it had as many as a task may have
    assert set(drawn(teacher, 200)) == set(teacher.tasks[2:])


def test_dsc_takes_one_sample_of_easy_tasks() -> None:
    teacher = DSC(known(10).hardness(), easy=0.3, window=4)
    assert [teacher.wanted(task) for task in teacher.tasks[:5]] == [1, 1, 1, 4, 4]
    teacher.update("task00", [0.0])
    assert teacher.settled("task00")


def test_prospects_begins_everything_then_follows_the_best_and_leaves_what_is_solved() -> None:
    teacher = Prospects(dict(zip("abcd", (4.0, 3.0, 2.0, 1.0), strict=True)), first=2, most=6, width=1)
    for task, rewards in (("a", [0.5, 0.0]), ("b", [0.0, 0.0]), ("c", [0.0])):
        assert task in drawn(teacher, 40)
        teacher.update(task, rewards)
    assert set(drawn(teacher, 40)) == {"c", "d"}  # they have not had their first two
    teacher.update("c", [0.0])
    teacher.update("d", [0.0, 1.0])
    assert drawn(teacher, 3) == ["a"] * 3  # the only one that solved some examples; d is solved
    teacher.update("a", [0.0] * 4)
    assert drawn(teacher, 3) == ["c"] * 3  # a is given up; of b and c the one that is easier by the prior
    assert teacher.allocate(["b", "c"], 6) == {"b": 3, "c": 3}
    assert teacher.metrics()["solved"] == teacher.metrics()["given_up"] == 0.25


def test_prospects_gives_no_task_more_than_it_may_have_while_others_lack_some() -> None:
    teacher = Prospects(dict.fromkeys("ab", 0.0), first=2, most=6)
    teacher.update("a", [0.0] * 5)
    teacher.update("b", [0.0] * 2)
    assert teacher.allocate(["a", "b"], 5) == {"a": 1, "b": 4}
    assert teacher.allocate(["a", "b"], 9) == {"a": 5, "b": 4}  # none lacks any: even parts


def test_prospects_gives_every_task_that_is_drawn_something() -> None:
    teacher = Prospects(dict.fromkeys("ab", 0.0), first=2, most=4)
    teacher.update("a", [0.0] * 4)
    teacher.update("b", [1.0])
    assert teacher.allocate(["a", "b"], 2) == {"a": 1, "b": 1}


def test_rewards_stand_for_answers() -> None:
    teacher = DSC(known(3).hardness())
    teacher.update("task00", [1.0] * 4)
    teacher.update("task01", [0.0] * 4)
    assert teacher.settled("task00") and not teacher.settled("task01")


def test_confidence_is_the_beta_criterion() -> None:
    assert confidence({}) == 0 and confidence({"a": 3, "b": 3}) == pytest.approx(0.5)
    draws = np.random.default_rng(0).beta(6 + 1, 2 + 1, size=200_000)
    assert confidence({"a": 2, "b": 6, "c": 1}) == pytest.approx((draws > 0.5).mean(), abs=0.005)


def test_a_test_time_curriculum_is_what_is_nearest_to_the_targets() -> None:
    pool = {f"t{i}": [float(i), 0.0] for i in range(10)}
    teacher = TestTimeCurriculum(pool, {"left": [0.2, 0.0], "right": [8.9, 0.0]}, 4)
    assert teacher.tasks == ("t0", "t9", "t1", "t8") and set(drawn(teacher, 100)) == set(teacher.tasks)


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=16))
def test_variance_and_advantage_of_rewards_of_zero_and_one(rewards: list[float]) -> None:
    p = sum(rewards) / len(rewards)
    assert advantage(rewards) == pytest.approx(2 * p * (1 - p))
    even = 1.0 if len(rewards) % 2 == 0 else 1 / (1 - len(rewards) ** -2) if len(rewards) > 1 else 0.0
    assert relative_variance(rewards) == pytest.approx(4 * p * (1 - p) * even) and relative_variance(rewards) < 1 + 1e-9


@given(st.dictionaries(st.sampled_from("abcdefghijkl"), st.sampled_from([0.0, 0.3, 1.0]), min_size=1), st.data())
@settings(deadline=None, max_examples=50)
def test_groups_are_of_equal_size_and_in_order(difficulty: dict[str, float], data: st.DataObject) -> None:
    n = data.draw(st.integers(1, len(difficulty)))
    groups = group_by_difficulty(difficulty, n)
    sizes = Counter(groups.values())
    assert len(sizes) == n and max(sizes.values()) - min(sizes.values()) <= 1
    for a, b in zip(sorted(difficulty, key=lambda t: (difficulty[t], t)), sorted(groups.values()), strict=True):
        assert groups[a] == b
