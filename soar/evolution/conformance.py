"""Checks for parts of one's own: what a search relies on, as tests that anybody can run.

    import soar
    def test_my_selector():
        soar.check_selector(MySelector)

Each raises AssertionError that says what does not hold.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from soar.evolution.operators import Operator
from soar.evolution.rex import PoolMember, Selector
from soar.models.base import Capabilities, LanguageModel, Prompt, Sampling
from soar.models.checks import checked
from soar.programs.parsing.replies import ParseFailure
from soar.programs.program import Attempt, Program
from soar.programs.scoring import Scorer, checked_score
from soar.prompts.prompt_set import PromptSet
from soar.sandbox.executor import Executor
from soar.sandbox.outcome import Outcome, ProgramError
from soar.tasks.task import Example, Task

STATUSES = ("ok", "error", "timeout", "memory", "crash", "invalid", "skipped")
MIRROR = "def transform(grid):\n    grid.reverse()\n    return grid"
RAISES = "def transform(grid):\n    if grid == 1:\n        raise ValueError('one')\n    return grid"


def check_selector(make: Callable[[], Selector]) -> None:
    """Check a selector: parents are out of the pool, it is not changed, the same generator gives the same choice.

    Args:
        make: returns a fresh one.
    """
    accuracies = [(True, False), (False, False), (True, True), (False, True)]
    pool = [PoolMember(f"0/sample/-/0/{i}", sum(one) / 2, one) for i, one in enumerate(accuracies)]
    for size in range(1, len(pool) + 1):
        for seed in range(20):
            choices = [_choices(make(), pool[:size], seed) for _ in range(2)]
            assert choices[0] == choices[1], "the same generator gave another choice: draw from `rng` alone"
    try:
        make().select([], np.random.default_rng(0))
    except ValueError:
        return
    raise AssertionError("select() of an empty pool raises ValueError")


def _choices(selector: Selector, pool: Sequence[PoolMember], seed: int) -> list[tuple[PoolMember, ...]]:
    """Three choices one after another, each checked and then asked for."""
    rng, before, choices = np.random.default_rng(seed), list(pool), []
    for _ in range(3):
        chosen = selector.select(pool, rng)
        assert list(pool) == before, "select() changed the pool that it was given"
        assert isinstance(chosen, tuple) and chosen, f"select() returns a tuple of parents, not {chosen!r}"
        assert all(one in before for one in chosen), f"{chosen} is not all out of the pool"
        assert len({one.key for one in chosen}) == len(chosen), f"{chosen} holds a parent twice"
        selector.on_request([one.key for one in chosen], 4)
        choices.append(chosen)
    return choices


def check_operator(make: Callable[[], Operator], task: Task, prompts: PromptSet) -> None:
    """Check an operator: parents as of a selector, a prompt for each, a source or a reason for every reply.

    Args:
        make: returns a fresh one.
        task: to show.
        prompts: the prompt set to show it with.
    """
    hidden, rng = task.without_test_outputs(), np.random.default_rng(0)
    attempts = [_attempt(hidden, i, solved) for i, solved in enumerate((False, True, False))]
    pool = [PoolMember(one.key, one.fitness, one.solved) for one in attempts]
    operator = make()
    assert isinstance(operator.name, str) and operator.name, f"name is a text, not {operator.name!r}"
    for size in range(1, len(pool) + 1):
        keys = [[one.key for one in make().parents(pool[:size], np.random.default_rng(7))] for _ in range(2)]
        assert keys[0] == keys[1], "the same generator gave other parents: draw from `rng` alone"
        chosen = operator.parents(pool[:size], rng)
        assert isinstance(chosen, tuple) and all(one in pool[:size] for one in chosen), f"{chosen} is not of the pool"
        parents = [one for one in attempts if one.key in {member.key for member in chosen}]
        operator.on_request([one.key for one in parents], 4)
        prompt = operator.prompt(prompts, hidden, parents)
        assert isinstance(prompt, Prompt), f"prompt() gave {prompt!r}: a soar.models.Prompt is needed"
        for reply in ("", "no program", f"```python\n{MIRROR}\n```", MIRROR):
            made = operator.assemble(prompts, reply, prompt, parents)
            assert isinstance(made, (str, ParseFailure)), f"assemble() gave {made!r}: a source, or a ParseFailure"


def _attempt(task: Task, number: int, right: bool) -> Attempt:
    """An attempt that gives the inputs back, right or wrong at all examples."""
    train, test = ([Outcome("ok", cast(Any, one.input)) for one in several] for several in (task.train, task.test))
    return Attempt(
        key=f"0/sample/-/0/{number}", task_id=task.id, task_hash=task.content_hash, iteration=0, phase="sample",
        island=None, parents=(), model="", adapter=None, program=Program(f"{MIRROR}  # {number}\n"), train=tuple(train),
        test=tuple(test), train_accuracy=float(right), fitness=float(right), solved=(right,) * len(train),
    )  # fmt: skip


def check_scorer(scorer: Scorer) -> None:
    """Check a scorer: what it gives can be ranked, is the same again, and failing everywhere is no better."""
    task = Task("t", tuple(Example([[i]], [[i, i]]) for i in range(3)), (Example([[4]], None),))
    right = [Outcome("ok", cast(Any, example.output)) for example in task.train]
    raised = [Outcome("error", error=ProgramError("ValueError", "no", 1)) for _ in task.train]
    mixed = [*right[:2], *raised[2:]]
    scores = [checked_score(scorer, task, outcomes) for outcomes in (right, mixed, raised)]
    again = [checked_score(scorer, task, outcomes) for outcomes in (right, mixed, raised)]
    assert scores == again, "the same outcomes were given another score"
    assert scores[0].fitness >= scores[2].fitness, "a program that raises everywhere is fitter than one that is right"
    assert not any(scores[2].solved), "an example is solved by a program that raised"


def check_executor(executor: Executor) -> None:
    """Check an executor: answers in order, errors for their input alone, inputs untouched, many programs at once."""
    assert isinstance(executor, Executor), f"{executor!r} has no async method submit()"
    asyncio.run(_check_executor(executor))


async def _check_executor(executor: Executor) -> None:
    given: list[Any] = [[1, 2], [], [[3], [4]]]
    before = json.dumps(given)
    outcomes = list(await executor.submit(MIRROR, given, "transform"))
    assert [one.value for one in outcomes] == [[2, 1], [], [[4], [3]]], f"wrong answers: {outcomes}"
    assert json.dumps(given) == before, "a program changed the caller's inputs: each must get its own copy"
    outcomes = list(await executor.submit(RAISES, [0, 1, 2], "transform"))
    assert all(isinstance(one, Outcome) and one.status in STATUSES for one in outcomes), f"no outcomes: {outcomes}"
    assert [one.status for one in outcomes] == ["ok", "error", "ok"], f"an error belongs to its input alone: {outcomes}"
    assert outcomes[1].error is not None and outcomes[1].error.type == "ValueError", f"the error is lost: {outcomes[1]}"
    (outcome,) = await executor.submit("def transform(grid)\n    return grid", [0], "transform")
    assert outcome.status == "error", f"source with a syntax error gave {outcome}"
    jobs = [executor.submit(f"def transform(grid):\n    return {i}", [0], "transform") for i in range(16)]
    values = [one.value for (one,) in await asyncio.gather(*jobs)]
    assert values == list(range(16)), f"answers of programs side by side were mixed up: {values}"


def check_model(model: LanguageModel, prompt: Prompt, max_tokens: int = 64) -> None:
    """Check a model: it has what the Protocol asks for, and keeps what its capabilities say.

    Sends four small requests, which cost as much as they would in a search.

    Args:
        prompt: that the model can read, such as `soar.prompts.prompt_set.load_prompt_set("soar").render(task)`.
    """
    assert isinstance(model, LanguageModel), f"{model!r} lacks a member of the Protocol soar.LanguageModel"
    able = model.capabilities
    assert isinstance(able, Capabilities), f"capabilities are a soar.models.Capabilities, not {able!r}"
    assert able.max_concurrency >= 1, "max_concurrency is at least 1"
    sampling = Sampling(temperature=1.0, min_p=0.05 if able.min_p else 0.0, max_tokens=max_tokens)
    n = 3 if able.n else 1
    first, again, other = (
        checked(asyncio.run(model.complete(prompt, n, sampling, seed)), n, model.name) for seed in (1, 1, 2)
    )
    if able.seed:
        assert _texts(first) == _texts(again), "capabilities say seed, and the same seed gave other completions"
    for one in (*first.completions, *other.completions):
        assert 0 <= one.tokens <= max_tokens, f"a completion of {one.tokens} tokens where {max_tokens} were the most"
        assert one.logprob is None or one.logprob <= 0, f"a log-probability above 0: {one.logprob}"
        assert able.logprobs or one.logprob is None, "a log-probability where capabilities say there are none"
    lengths = model.count_tokens([prompt, prompt])
    assert lengths is None or (len(lengths) == 2 and lengths[0] == lengths[1] > 0), f"count_tokens gave {lengths}"


def _texts(reply: Any) -> list[str]:
    return [one.text for one in reply.completions]
