"""The search for one task: sampling, then refinement on islands; decided by results, never by their timing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from soar.archive_writer import ArchiveWriter
from soar.models.base import Completion, Prompt, Sampling
from soar.program import Attempt, Phase, Program
from soar.prompting import PromptSet
from soar.records import Judge, Record, Request, hashes, prompt_hash, request_key, task_inputs
from soar.replies import ENTRY_POINT, ParseFailure
from soar.sandbox.encoding import Value
from soar.sandbox.outcome import Outcome
from soar.search.asking import Asker
from soar.search.config import SearchConfig
from soar.search.few_shot import FewShotPool
from soar.search.keys import keyed_rng, keyed_seed
from soar.search.progress import Progress
from soar.search.rex import Selector
from soar.search.selectors import make_selector
from soar.search.showing import Showing, Shown
from soar.task import Task

LOOKAHEAD = 4  # sampling requests under way for one task


class Runner(Protocol):
    """Runs programs; `soar.sandbox.Sandbox` does."""

    async def submit(self, source: str, inputs: Sequence[Value], entry_point: str) -> Sequence[Outcome]:
        """Return what a program did on each input, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Bench:
    """What all tasks of a search share."""

    asker: Asker
    sandbox: Runner
    archive: ArchiveWriter
    config: SearchConfig
    progress: Progress
    few_shot: FewShotPool | None = None


def request_sizes(
    finished: Mapping[str, int], iteration: int, phase: Phase, island: int | None, budget: int, size: int
) -> Iterator[int]:
    """Yield how many completions each request of an island (or of the sampling phase) asks for, up to the budget.

    All have `size`, but the last may be smaller. Finished requests keep the size they had, so a budget that is raised
    later appends requests and changes none.
    """
    asked = step = 0
    while asked < budget:
        n = finished.get(request_key(iteration, phase, island, step)) or min(size, budget - asked)
        yield n
        asked, step = asked + n, step + 1


def island_budget(total: int, islands: int, island: int) -> int:
    """Return an island's share of `total`: shares differ by at most one."""
    return total // islands + (island < total % islands)


class Entry(NamedTuple):
    """What the pools of a search keep of an attempt: the rest is in the archive, thousands of times larger."""

    key: str
    train_accuracy: float
    solved: tuple[bool, ...]


def _entries(attempts: Sequence[Attempt]) -> list[Entry]:
    return [Entry(one.key, one.train_accuracy, one.solved) for one in attempts if one.refinable]


@dataclass(slots=True)
class TaskSearch:
    """One task on the bench, for one round of the budget. Sees no test output: `task` must not have any.

    Attributes:
        refinements: what the task may have made by the end of this round, those of earlier rounds included.
        drawing: how replies are drawn.
        counted: per island (None: sampling) the requests that `Bench.progress` knows of; goes from round to round.
        completions, best, solving: see `soar.search.budget.TaskState`.
    """

    task: Task
    prompt_set: PromptSet
    drawing: Sampling
    bench: Bench
    prompt: Prompt
    refinements: int
    counted: dict[int | None, int]
    judge: Judge = field(init=False)
    showing: Showing = field(init=False)
    group: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)
    inputs: list[Any] = field(default_factory=list)
    input_hashes: list[bytes] = field(default_factory=list)
    finished: dict[str, int] = field(default_factory=dict)
    completions: int = 0
    best: float = 0.0
    solving: int = 0
    runs: dict[str, asyncio.Task[tuple[Outcome, ...]]] = field(default_factory=dict)  # by program hash

    async def search(self) -> bool:
        """Spend what the task has been granted; everything that comes of it goes to the archive.

        Returns whether it is spent: False where the search was stopped before.
        """
        config = self.bench.config
        self.judge, self.inputs = Judge(self.task, config.rules), task_inputs(self.task)
        self.input_hashes = hashes(self.inputs)
        self.showing = Showing(
            self.task, self.prompt_set, self.prompt, self.bench.progress.dropped.get(self.task.id, 0),
            self.bench.asker, self.drawing.max_tokens, config.drop_examples, self.bench.few_shot,
        )  # fmt: skip
        self.finished = self.bench.archive.finished(self.task.content_hash, config.iteration)
        async with self.group as group:
            pool = await self._sample()
            if pool is None:
                return False
            self.counted[None] = config.samples  # at least as many as there are requests
            islands = [group.create_task(self._refine(island, pool)) for island in range(config.islands)]
        return all(island.result() for island in islands)

    async def _sample(self) -> list[Entry] | None:
        """Ask the sampling prompt again and again; return what can be refined, in order; None where it was stopped.

        Request i starts when those up to i - LOOKAHEAD are done and have not met early stop: which requests there are
        depends on their results, never on their timing.
        """
        config = self.bench.config
        requests: list[asyncio.Task[tuple[int, list[Entry]] | None]] = []
        solved = 0
        size = config.samples_per_request or self.prompt_set.settings.samples_per_request
        sizes = request_sizes(self.finished, config.iteration, "sample", None, config.samples, size)
        for step, n in enumerate(sizes):
            if step >= LOOKAHEAD:
                earlier = await requests[step - LOOKAHEAD]
                solved += earlier[0] if earlier else 0
                if earlier is None:
                    break
            if solved >= config.early_stop:
                break
            requests.append(self.group.create_task(self._sample_once(step, n)))
        done = [await request for request in requests]
        return None if None in done else [entry for one in done if one for entry in one[1]]

    async def _sample_once(self, step: int, n: int) -> tuple[int, list[Entry]] | None:
        chain = self.refinements + self.bench.config.samples  # all refinements wait for the samples
        attempts: list[Attempt] | None = self._replayed("sample", None, step)
        if not attempts:
            shown = self.showing.sampling(keyed_rng(*self._place("sample", None, step), "few-shot"))
            attempts = await self._ask("sample", None, step, (), shown, n, chain)
        return None if attempts is None else (_solved(attempts), _entries(attempts))

    async def _refine(self, island: int, samples: Sequence[Entry]) -> bool:
        """Refine what the island's own selector picks; its children join its own pool. False where it was stopped."""
        config = self.bench.config
        selector = make_selector(config.selector, config.rex_c)
        pool = list(samples)
        solved = asked = 0
        budget = island_budget(self.refinements, config.islands, island)
        sizes = request_sizes(self.finished, config.iteration, "refine", island, budget, config.refinements_per_request)
        for step, n in enumerate(sizes):
            if solved * config.islands >= config.early_stop:
                break
            attempts: list[Attempt] | None = self._replayed("refine", island, step)
            if attempts:
                selector.asked(attempts[0].parents, n)
            else:
                parents, shown = self._choose(selector, pool, island, step)
                keys = tuple(parent.key for parent in parents)
                selector.asked(keys, n)
                attempts = await self._ask("refine", island, step, keys, shown, n, budget - asked)
                if attempts is None:
                    return False
            asked += n
            solved += _solved(attempts)
            pool += _entries(attempts)
        return True

    def _choose(
        self, selector: Selector, pool: Sequence[Entry], island: int, step: int
    ) -> tuple[tuple[Entry, ...], Shown]:
        """Return the parents of a step and their prompt; where nothing can be refined, none and the sampling prompt.

        A choice whose prompt is too long for the model's window is put aside for this step, and another one made; so
        is the second of two parents that are the same program.
        """
        place = self._place("refine", island, step)
        rng = keyed_rng(*place, "select")
        candidates = list(pool)
        while candidates:
            parents = selector.select(candidates, rng)
            attempts = [self.bench.archive.find(self.judge, parent.key) for parent in parents]
            if len(attempts) == 2 and attempts[0].program == attempts[1].program:
                candidates.remove(parents[1])
                continue
            shown = self.showing.refining(attempts, keyed_rng(*place, "few-shot"))
            if shown is not None:
                return parents, shown
            candidates = [entry for entry in candidates if entry not in parents]
        return (), self.showing.sampling(keyed_rng(*place, "few-shot"))

    def _replayed(self, phase: Phase, island: int | None, step: int) -> list[Attempt]:
        """Return the attempts of a request that is already in the archive; none where it is not."""
        config = self.bench.config
        key = request_key(config.iteration, phase, island, step)
        if key not in self.finished:
            return []
        attempts = self.bench.archive.replay(self.judge, key)
        self._note(attempts, island, step, new=False)
        return attempts

    def _note(self, attempts: Sequence[Attempt], island: int | None, step: int, new: bool) -> None:
        """Count a request's attempts; whoever watches sees those of earlier rounds once."""
        eligible = [attempt for attempt in attempts if attempt.eligible]
        self.completions += len(attempts)
        self.best = max([self.best, *(attempt.train_accuracy for attempt in eligible)])
        self.solving += sum(attempt.solves_examples for attempt in eligible)
        if new or step >= self.counted.get(island, 0):
            self.bench.progress.add(attempts, new)
            if island is not None:
                self.counted[island] = step + 1

    async def _ask(
        self, phase: Phase, island: int | None, step: int, parents: tuple[str, ...], shown: Shown, n: int, chain: int
    ) -> list[Attempt] | None:
        """Return a request's attempts, now recorded; None where the search was stopped before it was sent."""
        bench, model = self.bench, self.bench.asker.model
        request = Request(
            task_hash=self.task.content_hash,
            task_id=self.task.id,
            iteration=bench.config.iteration,
            phase=phase,
            island=island,
            step=step,
            parents=parents,
            n=n,
            seed=keyed_seed(*self._place(phase, island, step), "complete"),
            prompt_hash=prompt_hash(shown.prompt),
            few_shot=shown.few_shot,
            model=model.name,
            adapter=model.adapter,
            prompt_set=f"{self.prompt_set.name}:{self.prompt_set.hash}",
        )
        reply = await bench.asker.ask(shown.prompt, n, self.drawing, request.seed, chain, bench.progress.stop)
        if reply is None:
            return None
        async with asyncio.TaskGroup() as group:
            jobs = [group.create_task(self._run(shown.prompt.prefill, completion)) for completion in reply.completions]
        records = [job.result() for job in jobs]
        bench.archive.record(request, reply.prompt_tokens, self.input_hashes, records, reply.cost)
        bench.progress.spend(reply.cost)
        for record in records:
            if record.program is not None:  # from now on the archive knows what it did
                self.runs.pop(record.program.hash, None)
        attempts = [self.judge.attempt(request, position, record) for position, record in enumerate(records)]
        self._note(attempts, island, step, new=True)
        return attempts

    async def _run(self, prefill: str, completion: Completion) -> Record:
        source = self.prompt_set.parse(completion.text, prefill)
        if isinstance(source, ParseFailure):
            return Record(completion, None, source.reason, ())
        program = Program(source)
        key = program.hash
        if key not in self.runs:  # the same program again in this task is not run again
            self.runs[key] = asyncio.create_task(self._outcomes(program))
        return Record(completion, program, None, await self.runs[key])

    async def _outcomes(self, program: Program) -> tuple[Outcome, ...]:
        known = self.bench.archive.outcomes(program, self.input_hashes)
        if known is not None:
            return known
        return tuple(await self.bench.sandbox.submit(program.source, self.inputs, ENTRY_POINT))

    def _place(self, phase: Phase, island: int | None, step: int) -> tuple[object, ...]:
        config = self.bench.config
        return (config.seed, self.task.content_hash, config.iteration, phase, island, step)


def _solved(attempts: Sequence[Attempt]) -> int:
    return sum(attempt.solves_examples and attempt.eligible for attempt in attempts)
