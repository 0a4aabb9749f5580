"""The search on scores. A step sees what came of all steps `AHEAD` before it, and of no later one.

So the same seed gives the same programs at any concurrency, killed or not, and up to `AHEAD` programs are under way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from soar.evolution.client import ModelClient
from soar.evolution.config import ConfigError
from soar.evolution.scores.config import EvolveConfig
from soar.evolution.scores.measure import Measure, agreed
from soar.evolution.scores.population import Member, Population
from soar.evolution.scores.proposing import Proposer
from soar.evolution.scores.record import Proposal, Record
from soar.evolution.scores.task import EvaluatorTask, Judge, ScoreTask, ScoreTaskError
from soar.evolution.snapshot import Snapshot
from soar.evolution.stopping import Stopper
from soar.models.base import Prompt

AHEAD = 32

Watch = Callable[[int, Member], None]


class Engine:
    """One search on scores.

    Args:
        task: what is searched.
        config: how.
        judge: measures programs.
        record: what is known already, and keeps what comes.
        client: of the model, None: there is none.
        under_way: steps at once, at most.
        stop: ends the search early.
        watch: called with the steps done and the best program, each time it changes.
    """

    def __init__(
        self, task: ScoreTask | EvaluatorTask, config: EvolveConfig, judge: Judge, record: Record,
        client: ModelClient | None, under_way: int, stop: Stopper, watch: Watch,
    ) -> None:  # fmt: skip
        self.task, self.config, self.judge, self.record, self.stop, self.watch = (
            task,
            config,
            judge,
            record,
            stop,
            watch,
        )
        self.sign = 1.0 if task.direction == "max" else -1.0
        self.population, self.proposer = Population(config), Proposer(task, config, client)
        self.room = asyncio.Semaphore(under_way)
        self.under_way: dict[int, asyncio.Task[None]] = {}
        self.sources: dict[int, str] = {}
        self.done = 0  # steps below it are in the population
        self.better = 0  # the step of the last best program
        self.began, self.new, self.stopped = time.monotonic(), 0, ""

    async def run(self) -> None:
        """Search until all programs are made, or something stops it. What fails in the machinery is raised."""
        try:
            await self._start()
            for step in range(self.done, self.config.programs):
                await self._settle(step - AHEAD)
                if self._reason():
                    break
                self._begin(step)
                await asyncio.sleep(0)
                await self._free()
            await self._settle(self.config.programs - 1)
            self._reason()
        finally:
            for task in self.under_way.values():
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*self.under_way.values(), return_exceptions=True)

    async def _start(self) -> None:
        """The first program, measured before all else."""
        if self.task.start is None:
            if self.proposer.client is None or set(self.proposer.operators) - {"edit", "rewrite"}:
                raise ConfigError(f"task {self.task.id} has no program to start with: give one, or a model")
            return
        if 0 not in self.record.proposals:
            self.record.propose(Proposal(0, 0, "start", source=self.task.start))
        if 0 not in self.record.measures:
            self.record.measured(0, await self._measured(self.task.start, None))
        self.sources[0] = self.task.start
        first = self.record.measures[0]
        if first.score is None:
            raise ScoreTaskError(f"the program to start with has no score: {first.verdict}: {first.feedback}")
        self._take_in(0)

    def _begin(self, step: int) -> None:
        """Choose parents for a step, which depends on the steps before it, and send it on its way."""
        if step in self.record.measures or (step in self.record.proposals and not self.record.proposals[step].source):
            self._note(self.record.proposals[step])
            return
        prompt, begun = None, self.record.proposals.get(step)
        if begun is None:
            begun, prompt = self.proposer.begin(step, step % self.config.islands, self.population)
        self._note(begun)
        best = self.population.best
        self.under_way[step] = asyncio.create_task(self._work(begun, prompt, best))

    def _note(self, begun: Proposal) -> None:
        if begun.parents:
            self.population.note(begun.island, begun.parents)

    async def _work(self, begun: Proposal, prompt: Prompt | None, best: Member | None) -> None:
        made: Proposal | None = begun
        async with self.room:
            if prompt is not None:
                parent = self.sources[begun.parents[0]] if begun.parents else None
                made = await self.proposer.finish(begun, prompt, parent, lambda: bool(self._reason()))
            if made is None:
                return
            if begun.step not in self.record.proposals:
                self.record.propose(made)
            if made.source is not None:
                self.record.measured(begun.step, await self._measured(made.source, best))
                self.new += 1

    async def _measured(self, source: str, best: Member | None) -> Measure:
        """Measure a program; twice where it would be the best known: what is best must be so twice."""
        first = await self.judge.measure(source)
        if first.score is None or (best is not None and self.sign * first.score < best.value):
            return first
        return agreed(first, await self.judge.measure(source, 1), self.config.tolerance, self.sign)

    async def _free(self) -> None:
        """Wait while as many steps wait for a place as are under way."""
        while self.room.locked() and (waiting := list(self.under_way.values())):
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for step in [step for step, task in self.under_way.items() if task.done()]:
                self.under_way.pop(step).result()

    async def _settle(self, last: int) -> None:
        """Wait for all steps up to `last`, and take in what came of them, in their order."""
        while self.done <= last:
            if self.done in self.under_way:
                await self.under_way.pop(self.done)
            if self.done not in self.record.proposals:  # the search stopped before it was asked for
                return
            self._take_in(self.done)

    def _take_in(self, step: int) -> None:
        proposal, measure = self.record.proposals[step], self.record.measures.get(step)
        if proposal.source is None and proposal.parents:
            self.proposer.failures[proposal.parents[0]] = proposal.failure
        if proposal.source is not None and measure is not None:
            self.proposer.seen.add(proposal.source)
            if measure.score is not None:
                self.sources[step], self.proposer.measures[step] = proposal.source, measure
                member, before = Member(step, self.sign * measure.score, proposal.source), self.population.best
                self.population.add(member, None if step == 0 else proposal.island)
                if before is None or member.value > before.value:
                    self.better = step
                    self.watch(step, member)
        self.done = step + 1
        if self.done % self.config.migration == 0:
            self.population.migrate()

    def _reason(self) -> str:
        """Why the search stops now; empty where it goes on. Once said, it stays."""
        best, config = self.population.best, self.config
        if self.stopped:
            return self.stopped
        if config.target is not None and best is not None and best.value >= self.sign * config.target:
            self.stopped = f"a score of {self.sign * best.value:g}, {config.target:g} wanted"
        elif config.patience is not None and self.done - self.better > config.patience:
            self.stopped = f"{config.patience} programs without a better one"
        elif self.done < config.programs:
            self.stopped = self.stop.reason(self.snapshot()) or ""
        return self.stopped

    def snapshot(self) -> Snapshot:
        """Return the state as stoppers know it."""
        known, seconds = self.record, time.monotonic() - self.began
        made = len(known.proposals)
        return Snapshot(
            0, 1, 0, made, self.config.programs, known.programs, made - known.programs, known.tokens, seconds,
            self.new / max(seconds, 1e-9), 0.0, (self.task.id,), None, {}, {}, {}, known.cost,
        )  # fmt: skip
