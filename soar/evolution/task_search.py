"""The search for one task: sampling, then refinement on islands; decided by results, never by their timing."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from soar.archive.records import Evaluator, Grant
from soar.core.seeding import keyed_rng
from soar.evolution.budget import reward
from soar.evolution.choices import Choices
from soar.evolution.flow import Flow, refining_ahead
from soar.evolution.operator_bandit import OperatorBandit
from soar.evolution.operators import SAMPLE, AnyOperator, make_operators
from soar.evolution.prompt_builder import PromptBuilder, Proposal, RenderedPrompt
from soar.evolution.requests import Place, Recorded, Requests, SearchContext
from soar.evolution.rex import PoolMember
from soar.evolution.sizes import island_budget, request_sizes
from soar.evolution.solved import SolvedSteps
from soar.models.base import Prompt, Sampling
from soar.programs.program import Attempt
from soar.prompts.prompt_set import PromptSet
from soar.tasks.task import Task

SAMPLING_AHEAD = 4  # sampling requests under way for one task
LATE_SAMPLES, LATE_REFINEMENTS = 8, 4  # one of so many may come late, see `Flow`


class Done(NamedTuple):
    """What a search keeps of a request: how many attempts solve all examples, what can be refined, and its making."""

    solved: int
    members: list[PoolMember]
    operator: str = ""
    parents: tuple[str, ...] = ()


@dataclass(slots=True)
class TaskSearch:
    """One task on the context, for one round of the budget. Sees no test output: `task` must not have any.

    Attributes:
        granted: what the task may have made by the end of this round, what earlier rounds granted included.
        drawing: how replies are drawn.
        counted: per island (None: sampling) the requests that the progress knows of; goes from round to round.
        completions, best, solving: see `soar.evolution.budget.TaskState`.
        gained: by its key, the reward of each attempt of this round, see `soar.evolution.budget.reward`.
    """

    task: Task
    prompt_set: PromptSet
    drawing: Sampling
    context: SearchContext
    prompt: Prompt
    granted: Grant
    counted: dict[int | None, int]
    evaluator: Evaluator = field(init=False)
    prompt_builder: PromptBuilder = field(init=False)
    requests: Requests = field(init=False)
    choices: Choices = field(init=False)
    group: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)
    completions: int = 0
    best: float = 0.0
    solving: int = 0
    gained: dict[str, float] = field(default_factory=dict)
    before: Mapping[int | None, int] = field(init=False)  # requests of earlier rounds
    at_hand: int = 0  # attempts that solve all examples, recorded before
    flow: Flow | None = None
    late: list[asyncio.Task[Done | None]] = field(default_factory=list)  # sampling requests that may be under way

    @property
    def rewards(self) -> tuple[float, ...]:
        """Of the attempts that this round brought, in the order of their keys."""
        return tuple(self.gained[key] for key in sorted(self.gained))

    async def search(self) -> bool:
        """Spend what the task has been granted; everything that comes of it goes to the archive.

        Returns whether it is spent: False where the search was stopped before.
        """
        context, config = self.context, self.context.config
        self.before = dict(self.counted)
        self.evaluator = config.evaluator(self.task)
        self.prompt_builder = PromptBuilder(
            self.task, self.prompt_set, self.prompt, context.progress.dropped.get(self.task.id, 0),
            context.client, self.drawing.max_tokens, config.drop_examples, context.few_shot,
        )  # fmt: skip
        able = context.client.model.capabilities
        self.flow = None if able.n or able.seed else Flow()
        begun = context.archive.begun(self.task.content_hash, config.iteration)
        self.requests = Requests(
            context,
            self.task,
            self.prompt_set,
            self.drawing,
            self.evaluator,
            begun,
            self._note,
            self._ended,
            self._enough,
        )
        self.choices = Choices(context.archive, self.evaluator, self.prompt_builder, self.requests.key)
        if config.enough is not None:
            self.at_hand = sum(_solved(context.archive.replay(self.evaluator, key)) for key in begun)
        async with self.group as group:
            samples = await self._sample()
            if samples is None:
                return False
            steps = SolvedSteps(config.islands)
            islands = [group.create_task(self._refine(island, samples, steps)) for island in range(config.islands)]
        return all(island.result() for island in islands) and None not in [await request for request in self.late]

    async def _sample(self) -> Done | None:
        """Ask the sampling prompt again and again; return what came of it, in order; None where it was stopped.

        Request i starts when those up to i - ahead are done and have not met early stop: which requests there are
        depends on their results, never on their timing.
        """
        config = self.context.config
        requests: list[asyncio.Task[Done | None]] = []
        ahead = SAMPLING_AHEAD if config.enough is None or not self.context.client.model.capabilities.n else 1
        wanted = config.early_stop if config.enough is None else min(config.early_stop, config.enough)
        solved = 0
        size = config.samples_per_request or self.prompt_set.settings.samples_per_request
        budget = self.granted.samples
        sizes = request_sizes(self.requests.sizes, config.iteration, "sample", None, budget, size)
        for step, n in enumerate(sizes):
            if step >= ahead:
                earlier = await requests[step - ahead]
                solved += earlier.solved if earlier else 0
                if earlier is None:
                    break
            if solved >= wanted or self.requests.cut():
                break
            requests.append(self.group.create_task(self._sample_once(Place("sample", None, step), n)))
        if self.flow is not None and requests:
            every = request_sizes(self.requests.sizes, config.iteration, "sample", None, budget, size)
            asked = sum(itertools.islice(every, len(requests)))
            await self.flow.most(None, asked, asked // LATE_SAMPLES)
            self.late = requests
            return None if _left(requests) else Done(self.flow.solved[None], [])
        done = [await request for request in requests]
        whole = [one for one in done if one is not None]
        if len(whole) < len(done):
            return None
        return Done(sum(one.solved for one in whole), [member for one in whole for member in one.members])

    async def _sample_once(self, place: Place, n: int) -> Done | None:
        known = self.requests.recorded(place)
        if known is not None and known.whole:
            return _done(known.attempts)
        shown = self.prompt_builder.sampling(keyed_rng(*self.requests.key(place), "few-shot"))
        chain = self.granted.total  # all refinements wait for the samples
        return _done(await self.requests.fill(place, n, (), shown, chain, known))

    async def _refine(self, island: int, samples: Done, steps: SolvedSteps) -> bool:
        """Refine what the island's own selector picks; its children join its own pool. False where it was stopped."""
        config = self.context.config
        operators = make_operators(config)
        pool = list(samples.members)
        bandit = OperatorBandit(pool) if config.operator_choice == "bandit" else None
        requests: list[asyncio.Task[Done | None]] = []
        size = config.refinements_per_request
        ahead = refining_ahead(config.refinements, config.islands, size)
        solved = asked = known = 0  # known: requests whose results were waited for
        budget = island_budget(self.granted.refinements, config.islands, island)
        sizes = request_sizes(self.requests.sizes, config.iteration, "refine", island, budget, size)
        for step, n in enumerate(sizes):
            if self.flow is not None:
                await self.flow.most(island, asked, size // LATE_REFINEMENTS)
                if _left(requests):
                    break
                pool, solved = self.flow.members[None] + self.flow.members[island], self.flow.solved[island]
            elif step >= ahead:
                earlier = await requests[step - ahead]
                if earlier is None:
                    break
                solved += earlier.solved
                pool += earlier.members
                known += 1
                await steps.add(island, earlier.solved)
            if samples.solved + solved * config.islands >= config.early_stop:
                break
            if config.enough is not None and await self._all_solved(samples, steps, step - ahead + 1):
                break
            if bandit is not None:
                bandit.catch_up(_come(requests, None if self.flow is not None else known))
            made = self._next(Place("refine", island, step), n, operators, bandit, pool, budget - asked)
            requests.append(self.group.create_task(made))
            asked += n
        done = [await request for request in requests]
        for one in done[known:]:
            await steps.add(island, one.solved if one else 0)
        await steps.end(island)
        return None not in done

    def _next(
        self,
        place: Place,
        n: int,
        operators: Mapping[str, AnyOperator],
        bandit: OperatorBandit | None,
        pool: Sequence[PoolMember],
        chain: int,
    ) -> Coroutine[None, None, Done | None]:
        """Choose now who makes a request and of what, and return what is then to be done."""
        known = self.requests.recorded(place)
        if known is not None:
            operator = operators.get(known.operator, SAMPLE)
            operator.on_request(known.parents, n)
            if known.whole:
                return _at_once(_done(known.attempts))
            parents, shown = known.parents, self.choices.again(operator, place, known.parents, pool)
        else:
            shown = self.choices.make(self.choices.operator(operators, bandit, place), pool, place)
            parents = tuple(parent.key for parent in shown.parents)
            shown.operator.on_request(parents, n)
        return self._filled(place, n, parents, shown, chain, known)

    async def _filled(
        self,
        place: Place,
        n: int,
        parents: tuple[str, ...],
        shown: RenderedPrompt | Proposal,
        chain: int,
        known: Recorded | None,
    ) -> Done | None:
        return _done(await self.requests.fill(place, n, parents, shown, chain, known))

    async def _all_solved(self, samples: Done, steps: SolvedSteps, step: int) -> bool:
        """Whether enough attempts of all islands solve all examples: of those before a step, or at all (`Requests`)."""
        if self.requests.cut():
            return True
        if not self.context.client.model.capabilities.n:
            return False
        return samples.solved + await steps.before(step) >= (self.context.config.enough or 0)

    def _enough(self) -> bool:
        wanted = self.context.config.enough
        return wanted is not None and max(self.solving, self.at_hand) >= wanted

    def _ended(self, place: Place, completions: int) -> None:
        if self.flow is not None:
            self.flow.end(place.island, completions)

    def _note(self, place: Place, attempts: Sequence[Attempt], new: bool) -> None:
        """Count attempts of a request; whoever watches sees those of earlier rounds once."""
        eligible = [attempt for attempt in attempts if attempt.eligible]
        self.completions += len(attempts)
        self.best = max([self.best, *(attempt.fitness for attempt in eligible)])
        self.solving += _solved(attempts)
        if self.flow is not None:
            self.flow.note(place.island, attempts, _solved(attempts))
        counted = self.counted.get(place.island, 0)
        if new or place.step >= counted:
            self.context.progress.add(self.task.id, attempts, new)
            self.counted[place.island] = max(counted, place.step + 1)
        if place.step >= self.before.get(place.island, 0):
            self.gained |= {one.key: reward(one) for one in attempts}


def _left(requests: Sequence[asyncio.Task[Done | None]]) -> bool:
    """Whether one of them was not sent, because the search is stopped."""
    return any(request.done() and request.result() is None for request in requests)


def _come(requests: Sequence[asyncio.Task[Done | None]], known: int | None) -> list[Done]:
    """What has come of the first requests: of those that were waited for; or, None, of all before one still to come."""
    done = requests[:known] if known is not None else itertools.takewhile(lambda one: one.done(), requests)
    return [come for request in done if (come := request.result()) is not None]


async def _at_once(done: Done | None) -> Done | None:
    return done


def _done(attempts: Sequence[Attempt] | None) -> Done | None:
    if attempts is None:
        return None
    members = [PoolMember.of(one) for one in attempts if one.refinable]
    first = attempts[0] if attempts else None
    return Done(_solved(attempts), members, first.operator if first else "", first.parents if first else ())


def _solved(attempts: Sequence[Attempt]) -> int:
    return sum(attempt.solves_examples and attempt.eligible for attempt in attempts)
