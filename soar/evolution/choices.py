"""Who makes a request of the refinement phase, and of what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from soar.archive.records import Evaluator
from soar.archive.writer import ArchiveWriter
from soar.core.seeding import keyed_rng
from soar.evolution.mutating import Proposer
from soar.evolution.operator_bandit import OperatorBandit
from soar.evolution.operators import AnyOperator
from soar.evolution.prompt_builder import PromptBuilder, Proposal, RenderedPrompt
from soar.evolution.requests import Place
from soar.evolution.rex import PoolMember
from soar.programs.program import Attempt


@dataclass(frozen=True, slots=True)
class Choices:
    """Decides about the requests of a task; each decision is keyed by the request's place.

    Attributes:
        archive: holds the parents.
        evaluator: of the task.
        prompt_builder: shows them.
        key: what randomness at a place depends on.
    """

    archive: ArchiveWriter
    evaluator: Evaluator
    prompt_builder: PromptBuilder
    key: Callable[[Place], tuple[object, ...]]

    def operator(
        self, operators: Mapping[str, AnyOperator], bandit: OperatorBandit | None, place: Place
    ) -> AnyOperator:
        """The one that makes a request: each is as likely, or as the bandit says."""
        known, rng = list(operators.values()), keyed_rng(*self.key(place), "operator")
        if len(known) == 1:
            return known[0]
        if bandit is not None:
            return operators[bandit.choose(list(operators), rng)]
        return known[int(rng.integers(len(known)))]

    def make(self, operator: AnyOperator, pool: Sequence[PoolMember], place: Place) -> RenderedPrompt | Proposal:
        """Return the prompt of a step; where nothing can be refined, the sampling prompt.

        A choice whose prompt is too long for the model's window is put aside for this step, and another one made; so
        is the second of two parents that are the same program.
        """
        key = self.key(place)
        rng = keyed_rng(*key, "select")
        candidates = list(pool)
        while candidates:
            parents = operator.parents(candidates, rng)
            if not parents:
                break
            attempts = [self.archive.find(self.evaluator, parent.key) for parent in parents]
            if len(attempts) == 2 and attempts[0].program == attempts[1].program:
                candidates.remove(parents[1])
                continue
            if isinstance(operator, Proposer):
                return self._proposal(operator, attempts, pool, place)
            shown = self.prompt_builder.refining(operator, attempts, keyed_rng(*key, "few-shot"))
            if shown is not None:
                return shown
            candidates = [member for member in candidates if member not in parents]
        return self.prompt_builder.sampling(keyed_rng(*key, "few-shot"))

    def again(
        self, operator: AnyOperator, place: Place, parents: Sequence[str], pool: Sequence[PoolMember]
    ) -> RenderedPrompt | Proposal:
        """Return the prompt of a request that was begun before, with the parents that it had."""
        rng = keyed_rng(*self.key(place), "few-shot")
        attempts = [self.archive.find(self.evaluator, parent) for parent in parents]
        if isinstance(operator, Proposer):
            return self._proposal(operator, attempts, pool, place)
        shown = self.prompt_builder.refining(operator, attempts, rng) if attempts else None
        return shown or self.prompt_builder.sampling(rng)

    def _proposal(
        self, operator: Proposer, parents: Sequence[Attempt], pool: Sequence[PoolMember], place: Place
    ) -> Proposal:
        known = frozenset(member.behaviour for member in pool)
        return self.prompt_builder.proposing(operator, parents, known, keyed_rng(*self.key(place), "propose"))
