"""The checks that outsiders run on parts of their own: they pass on ours, and find what is wrong with others."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import soar
from soar.evolution.operators import Crossover, Refine
from soar.evolution.rex import PoolMember, Rex
from soar.evolution.selection import Best, Uniform
from soar.models.base import Completion, Prompt, Reply, Sampling
from soar.models.mini import MiniModel
from soar.programs.scoring import ExactExamples
from soar.prompts.prompt_set import load_prompt_set
from soar.sandbox import Outcome, Sandbox
from tests.core.test_custom import Here
from tests.evolution.test_operators import Mirrored
from tests.programs.test_scoring import Cells
from tests.search_support import TASKS

PROMPT = load_prompt_set("soar").render(TASKS["task0"])


@pytest.mark.parametrize("make", [Rex, Uniform, Best])
def test_our_selectors_pass(make: Callable[[], Any]) -> None:
    soar.check_selector(make)


class Unseeded(Uniform):
    def select(self, pool: Sequence[Any], rng: np.random.Generator) -> tuple[Any, ...]:
        return super().select(pool, np.random.default_rng(random.randrange(2**32)))


class Greedy(Uniform):
    def select(self, pool: Any, rng: np.random.Generator) -> tuple[Any, ...]:
        return (pool.pop(),)


class Bare(Uniform):
    def select(self, pool: Sequence[Any], rng: np.random.Generator) -> Any:
        return pool[0]


class Anything(Uniform):
    def select(self, pool: Sequence[Any], rng: np.random.Generator) -> tuple[Any, ...]:
        return super().select(pool or ["?"], rng)


@pytest.mark.parametrize(("make", "said"), [
    (Unseeded, "draw from `rng` alone"), (Greedy, "changed the pool"), (Bare, "not all out of the pool|a tuple"),
    (Anything, "empty pool raises ValueError"),
])  # fmt: skip
def test_what_is_wrong_with_a_selector_is_said(make: Callable[[], Any], said: str) -> None:
    with pytest.raises((AssertionError, AttributeError), match=said):
        soar.check_selector(make)


@pytest.mark.parametrize("make", [lambda: Refine(Rex()), lambda: Crossover(Uniform()), Mirrored])
def test_operators_pass(make: Callable[[], Any]) -> None:
    soar.check_operator(make, TASKS["task0"], load_prompt_set("crossover"))


class Elsewhere(Mirrored):
    def parents(self, pool: Sequence[Any], rng: np.random.Generator) -> tuple[Any, ...]:
        return (PoolMember("0/sample/-/9/9", 1.0, (True,) * 3),)


class Silent(Mirrored):
    def assemble(self, prompts: Any, reply: str, prompt: Any, parents: Any) -> Any:
        return prompts.parse(reply, prompt.prefill) if "def" in reply else None


@pytest.mark.parametrize(("make", "said"), [(Elsewhere, "is not of the pool"), (Silent, "a source, or a ParseFailure")])
def test_what_is_wrong_with_an_operator_is_said(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        soar.check_operator(make, TASKS["task0"], load_prompt_set("soar"))


class Upside(Cells):
    def score(self, task: soar.Task, outcomes: Sequence[Outcome]) -> soar.Score:
        right = ExactExamples().score(task, outcomes)
        return dataclasses.replace(right, fitness=1 - right.fitness)


def test_scorers_are_checked() -> None:
    soar.check_scorer(ExactExamples())
    soar.check_scorer(Cells())
    with pytest.raises(AssertionError, match="fitter than one that is right"):
        soar.check_scorer(Upside())


def test_the_sandbox_passes() -> None:
    with Sandbox(workers=2) as sandbox:
        soar.check_executor(sandbox)


class Lazy(Here):
    """Gives every program the caller's own values, and no outcome for one that fails."""

    async def submit(self, source: str, inputs: Sequence[Any], entry_point: str) -> Sequence[Outcome]:
        space: dict[str, Any] = {}
        exec(source, space)
        return [Outcome("ok", space[entry_point](value)) for value in inputs]


def test_what_is_wrong_with_an_executor_is_said() -> None:
    with pytest.raises(AssertionError, match="changed the caller's inputs"):
        soar.check_executor(Lazy())
    with pytest.raises(ValueError, match="one"):
        soar.check_executor(Here())  # an error of a program is raised
    with pytest.raises(AssertionError, match="no async method"):
        soar.check_executor(object())  # type: ignore[arg-type]


def test_our_models_pass(mini: MiniModel) -> None:
    soar.check_model(mini, load_prompt_set("mini").render(TASKS["task0"]))
    soar.check_model(soar.ScriptedModel(["x"]), PROMPT)


class Forgetful(soar.ScriptedModel):
    """Says that it keeps seeds."""

    async def complete(self, prompt: Prompt, n: int, sampling: Sampling, seed: int) -> Reply:
        return Reply(tuple(Completion(str(random.random()), 3, "stop") for _ in range(n)), 5)


class Wordy(soar.ScriptedModel):
    async def complete(self, prompt: Prompt, n: int, sampling: Sampling, seed: int) -> Reply:
        return Reply((Completion("x", sampling.max_tokens + 1, "length"),) * n, 5)


@pytest.mark.parametrize(("model", "said"), [(Forgetful(["x"]), "other completions"), (Wordy(["x"]), "were the most")])
def test_what_is_wrong_with_a_model_is_said(model: soar.ScriptedModel, said: str) -> None:
    model.capabilities = dataclasses.replace(model.capabilities, seed=True)
    with pytest.raises(AssertionError, match=said):
        soar.check_model(model, PROMPT)
