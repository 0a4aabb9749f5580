"""The requests of one task's search: each is read from the archive, or sent, or completed where a kill has cut it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from soar.archive.records import Evaluator, Record, Request, hashes, request_key, task_inputs
from soar.archive.writer import ArchiveWriter
from soar.core.seeding import keyed_seed
from soar.evolution.budget import Budget
from soar.evolution.client import ModelClient
from soar.evolution.config import SearchConfig
from soar.evolution.few_shot import FewShotPool
from soar.evolution.progress import Progress
from soar.evolution.prompt_builder import Proposal, RenderedPrompt
from soar.evolution.rex import PoolMember
from soar.models.base import Completion, Sampling
from soar.programs.parsing.replies import ENTRY_POINT, ParseFailure
from soar.programs.program import Attempt, Phase, Program
from soar.prompts.prompt_set import PromptSet
from soar.sandbox.executor import Executor
from soar.sandbox.outcome import Outcome
from soar.tasks.task import Task

TRIES = 16  # programs that are run without a model for each that is wanted
TRIED_AT_ONCE = 8
NOTHING_NEW = "no program near its parents was found that does anything new"


@dataclass(frozen=True, slots=True)
class SearchContext:
    """What all tasks of a search share."""

    client: ModelClient
    executor: Executor
    archive: ArchiveWriter
    config: SearchConfig
    progress: Progress
    budget: Budget
    few_shot: FewShotPool | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a task's search a request is made."""

    phase: Phase
    island: int | None
    step: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the archive holds of a request.

    Attributes:
        operator: name of the one that made it.
        parents: that it shows.
        attempts: its completions, as far as they are done.
        pending: by position, those whose programs have not run yet.
        missing: positions of those that it does not hold.
    """

    operator: str = ""
    parents: tuple[str, ...] = ()
    attempts: Sequence[Attempt] = ()
    pending: Mapping[int, Record] = field(default_factory=dict)
    missing: Sequence[int] = ()

    @property
    def whole(self) -> bool:
        """Whether nothing of it is still to be done."""
        return not self.pending and not self.missing


@dataclass(slots=True)
class Requests:
    """Makes the requests of a task. What a reply brings is recorded before its programs run: it may have been paid for.

    Attributes:
        drawing: how replies are drawn.
        sizes: n of each request that is recorded, by its key.
        note: called with a place and attempts there, and whether they were just made.
        ended: called with a place and the number of completions there that have come, or will not come.
        enough: asked before each call to a model that gives one completion at a time; once it is so, none is sent.
    """

    context: SearchContext
    task: Task
    prompt_set: PromptSet
    drawing: Sampling
    evaluator: Evaluator
    sizes: Mapping[str, int]
    note: Callable[[Place, Sequence[Attempt], bool], None]
    ended: Callable[[Place, int], None]
    enough: Callable[[], bool]
    inputs: list[Any] = field(init=False)
    input_hashes: list[bytes] = field(init=False)
    runs: dict[str, asyncio.Task[tuple[Outcome, ...]]] = field(default_factory=dict)  # by program hash

    def __post_init__(self) -> None:
        self.inputs = task_inputs(self.task)
        self.input_hashes = hashes(self.inputs)

    def key(self, place: Place) -> tuple[object, ...]:
        """What randomness at a place depends on."""
        config = self.context.config
        return (config.seed, self.task.content_hash, config.iteration, place.phase, place.island, place.step)

    def recorded(self, place: Place) -> Recorded | None:
        """Return what the archive holds of the request at a place; None where that is nothing."""
        key = request_key(self.context.config.iteration, place.phase, place.island, place.step)
        if key not in self.sizes:
            return None
        attempts = self.context.archive.replay(self.evaluator, key)
        pending = self.context.archive.pending(self.evaluator, key)
        if attempts:
            self.note(place, attempts, False)
            self.ended(place, len(attempts))
        held = {_position(attempt) for attempt in attempts} | pending.keys()
        missing = [position for position in range(self.sizes[key]) if position not in held]
        operator, parents = self.context.archive.origin(self.task.content_hash, key)
        return Recorded(operator, parents, attempts, pending, missing)

    async def fill(
        self,
        place: Place,
        n: int,
        parents: tuple[str, ...],
        shown: RenderedPrompt | Proposal,
        chain: int,
        known: Recorded | None,
    ) -> list[Attempt] | None:
        """Return a request's attempts, now recorded; None where the search was stopped before all of it was sent.

        Args:
            n: completions.
            parents: keys of the attempts shown.
            chain: see `soar.evolution.scheduler.RequestScheduler`.
            known: what is recorded of it, which is not asked for again.
        """
        request = self._request(place, n, parents, shown)
        had = known or Recorded(missing=range(n))
        async with asyncio.TaskGroup() as group:
            run = group.create_task(self._run(place, request, had.pending))
            if isinstance(shown, Proposal):
                tasks = [group.create_task(self._propose(place, request, shown, had.missing))] if had.missing else []
            else:
                calls = self.context.client.calls(n, had.missing, request.seed)
                tasks = [group.create_task(self._call(place, request, shown, chain, *call)) for call in calls]
        made = [run.result(), *(task.result() for task in tasks)]
        if None in made and not self.cut():
            return None
        attempts = [*had.attempts, *(attempt for several in made if several for attempt in several)]
        return sorted(attempts, key=_position)

    def _request(self, place: Place, n: int, parents: tuple[str, ...], shown: RenderedPrompt | Proposal) -> Request:
        model = self.context.client.model
        return Request(
            task_hash=self.task.content_hash,
            task_id=self.task.id,
            iteration=self.context.config.iteration,
            phase=place.phase,
            island=place.island,
            step=place.step,
            parents=parents,
            n=n,
            seed=keyed_seed(*self.key(place), "complete"),
            prompt_hash=shown.hash,
            few_shot=shown.few_shot,
            operator=shown.operator.name,
            model=model.name,
            adapter=model.adapter,
            prompt_set=self.prompt_set.label,
        )

    def cut(self) -> bool:
        """Whether no further call should be sent; where a call is a whole request, its place in the search decides."""
        return not self.context.client.model.capabilities.n and self.enough()

    async def _call(
        self, place: Place, request: Request, shown: RenderedPrompt, chain: int, positions: Sequence[int], seed: int
    ) -> list[Attempt] | None:
        """Ask for the completions at some positions of a request; None where that was not sent."""
        context = self.context
        reply = await context.client.ask(
            shown.prompt, len(positions), self.drawing, seed, chain, lambda: self.cut() or context.progress.stop()
        )
        if reply is None:
            self.ended(place, len(positions))
            return None
        records = {}
        for position, completion in zip(positions, reply.completions, strict=True):
            source = shown.assemble(completion.text)
            if isinstance(source, ParseFailure):
                records[position] = Record(completion, None, source.reason, ())
            else:
                records[position] = Record(completion, Program(source), None, ())
        held = list(records.values())
        context.archive.record(request, reply.prompt_tokens, self.input_hashes, held, reply.cost, positions)
        context.progress.spend(reply.cost)
        return await self._run(place, request, records)

    async def _propose(
        self, place: Place, request: Request, shown: Proposal, positions: Sequence[int]
    ) -> list[Attempt] | None:
        """Record the first programs that do something new, and for each that is lacking why; None where it stopped."""
        if self.cut() or self.context.progress.stop():
            self.ended(place, len(positions))
            return None
        new = await self._new(request, shown, len(positions))
        blank = Record(Completion("", 0, "stop"), None, NOTHING_NEW, ())
        found = [Record(Completion(one.source, 0, "stop"), one, None, ()) for one in new]
        records = dict(zip(positions, [*found, *(blank for _ in positions[len(found) :])], strict=True))
        self.context.archive.record(request, 0, self.input_hashes, list(records.values()), None, positions)
        return await self._run(place, request, records)

    async def _new(self, request: Request, shown: Proposal, n: int) -> list[Program]:
        """Return up to `n` proposed programs that can be refined, none of which does what another or a known one does.

        They are run in the order of the proposal, `TRIED_AT_ONCE` side by side, `TRIES` for each wanted at most.
        """
        known, found = set(shown.known), list[Program]()
        for _ in range(0, TRIES * n, TRIED_AT_ONCE):
            some = [Program(source) for source in itertools.islice(shown.sources, TRIED_AT_ONCE)]
            async with asyncio.TaskGroup() as group:
                jobs = [group.create_task(self._outcomes(program)) for program in some]
            for program, job in zip(some, jobs, strict=True):
                record = Record(Completion("", 0, "stop"), program, None, job.result())
                attempt = self.evaluator.attempt(request, 0, record)
                behaviour = PoolMember.of(attempt).behaviour
                if len(found) < n and attempt.refinable and behaviour not in known:
                    known.add(behaviour)
                    found.append(program)
                else:
                    self.runs.pop(program.hash, None)
            if len(found) == n or len(some) < TRIED_AT_ONCE:
                break
        return found

    async def _run(self, place: Place, request: Request, records: Mapping[int, Record]) -> list[Attempt]:
        """Run the programs of recorded completions, record what they did and return the attempts."""
        programs = {one.program for one in records.values() if one.program is not None}
        async with asyncio.TaskGroup() as group:
            jobs = {program: group.create_task(self._outcomes(program)) for program in programs}
        did = {program: job.result() for program, job in jobs.items()}
        if did:
            self.context.archive.record_outcomes(self.input_hashes, did)
        for program in did:  # from now on the archive knows what it did
            self.runs.pop(program.hash, None)
        attempts = []
        for position, one in records.items():
            outcomes = did[one.program] if one.program is not None else ()
            record = Record(one.completion, one.program, one.parse_error, outcomes)
            attempts.append(self.evaluator.attempt(request, position, record))
        if attempts:
            self.note(place, attempts, True)
            self.ended(place, len(attempts))
        return attempts

    async def _outcomes(self, program: Program) -> tuple[Outcome, ...]:
        """What a program does; the same one again in this task is not run again."""
        if program.hash not in self.runs:
            self.runs[program.hash] = asyncio.create_task(self._submit(program))
        return await self.runs[program.hash]

    async def _submit(self, program: Program) -> tuple[Outcome, ...]:
        known = self.context.archive.outcomes(program, self.input_hashes)
        if known is not None:
            return known
        return tuple(await self.context.executor.submit(program.source, self.inputs, ENTRY_POINT))


def _position(attempt: Attempt) -> int:
    return int(attempt.key.rpartition("/")[2])
