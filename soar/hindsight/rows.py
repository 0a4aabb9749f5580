"""The rows of one task: its programs without duplicates, a choice of them, and a prompt and a completion for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from soar.archive.records import task_inputs
from soar.core.custom import label_of
from soar.core.seeding import keyed_rng
from soar.hindsight.relabel import Renderers, labelled, order_of, prompt_columns, relabel, reorder
from soar.hindsight.report import HindsightReport
from soar.hindsight.scan import Candidate, Found, Refinement, Scan, Source
from soar.hindsight.selection import (
    SELECT,
    SELECT_REFINEMENTS,
    HindsightSelection,
    RefinementSelection,
    Selection,
    by_vote,
    correct_by_vote,
)
from soar.hindsight.simplified import distinct, simplified
from soar.hindsight.variants import AugmentBy, Variant, draw_variants
from soar.programs.dedup import deduplicate
from soar.programs.embedding import Embedder
from soar.programs.parsing.replies import ENTRY_POINT
from soar.programs.program import Attempt, Program
from soar.programs.scoring import as_grids
from soar.sandbox import Sandbox
from soar.tasks.task import Task
from soar.tasks.values import canonical_json

Row = dict[str, Any]
BY_VOTE = {"greedy-diverse": "by the vote, and diverse", "correct-only": "by the vote, solving the examples"}


@dataclass(frozen=True, slots=True)
class RowConfig:
    """What rows are wanted; see `make_dataset`."""

    selection: Selection | HindsightSelection
    refinement: RefinementSelection
    per_task: int
    augment: int
    augment_by: AugmentBy
    move_inputs: bool
    simplify: bool
    embedder: Embedder
    threshold: float | None
    test_time: bool
    seed: int

    @property
    def cosine(self) -> float:
        """Cosine above which two solutions count as one."""
        return self.embedder.threshold if self.threshold is None else self.threshold

    @property
    def groups(self) -> int:
        """Groups of the vote that rows are drawn from at test time, at most one for each row that is drawn so."""
        diverse = self.selection != "correct-only"
        return (self.per_task - self.per_task // 2 if diverse else self.per_task) if self.test_time else 0

    def further(self, solve_rate: float) -> int:
        """At how many further inputs each solution of a task is shown, whose samples solve it at this rate."""
        return self.augment if self.augment_by == "even" else round(2 * self.augment * (1 - solve_rate))

    def _selection(self) -> str:
        if not isinstance(self.selection, str):
            return label_of(self.selection)
        return BY_VOTE[self.selection] if self.test_time else self.selection

    def to_json(self) -> dict[str, Any]:
        """The choice as JSON data."""
        return {
            "selection": self._selection(),
            "refinement": "none" if self.test_time else self.refinement,
            "per_task": self.per_task,
            "augment": self.augment,
            **({} if self.augment_by == "even" else {"augment_by": self.augment_by}),
            "move_inputs": self.move_inputs,
            "simplify": self.simplify,
            "embedder": self.embedder.name,
            "threshold": self.cosine,
            "test_time": self.test_time,
            "seed": self.seed,
        }


@dataclass(slots=True)
class RowBuilder:
    """Makes the rows of one task after another.

    Attributes:
        sources: the runs.
        grids: the tasks of grids among those asked for, whose inputs solutions of others are shown at.
        choice: what is wanted.
        report: is told what becomes of the attempts.
        renderers: make the prompts.
        sandbox: runs shorter programs, and programs at other inputs; None where the choice wants neither.
    """

    sources: Sequence[Source]
    grids: Sequence[Task]
    choice: RowConfig
    report: HindsightReport
    renderers: Renderers
    sandbox: Sandbox | None

    def rows(self, task: Task) -> Iterator[Row]:
        """Yield the task's rows; those for sampling first."""
        choice, report = self.choice, self.report
        found = Scan(task, report).run(self.sources, choice.groups)
        report.tasks += 1
        report.rows_per_task.setdefault(task.id, 0)
        report.unknown_tests += any(example.output is None for example in task.test)
        chosen = self._candidates(found, keyed_rng(choice.seed, task.content_hash, "sampling rows"))
        moving = choice.move_inputs and task.is_grid
        for candidate in chosen:
            if candidate.solves or not moving:
                yield from self._counted(self._sample_row(task, candidate))
        moved = [one for one in chosen if not one.solves] if moving else []
        further = choice.further(found.solve_rate)
        yield from self._variants(task, [one for one in chosen if one.solves], further, moved)
        if not choice.test_time:
            for step in self._steps(found, keyed_rng(choice.seed, task.content_hash, "refinement rows")):
                yield from self._counted(self._refine_row(task, step))

    def _candidates(self, found: Found, rng: np.random.Generator) -> list[Candidate]:
        solutions = distinct(self._simplified(found.task, [one for one in found.candidates if one.solves]))
        others = [one for one in found.candidates if not one.solves]
        chosen = self._chosen(self._without_duplicates([*solutions, *others]), found, rng)
        # Programs that solve nothing are many, and few are chosen: only these are looked at.
        others = distinct(self._simplified(found.task, [one for one in chosen if not one.solves]))
        return [*(one for one in chosen if one.solves), *others]

    def _chosen(self, ranked: list[Candidate], found: Found, rng: np.random.Generator) -> list[Candidate]:
        choice = self.choice
        if choice.test_time:
            config = next(iter(self.sources[0].configs.values()))
            draw = correct_by_vote if choice.selection == "correct-only" else by_vote
            return draw(ranked, found.predictions, choice.per_task, config.vote_c, rng)
        if not isinstance(choice.selection, str):
            return list(choice.selection.select(ranked, choice.per_task, rng))
        return SELECT[choice.selection](ranked, choice.per_task, rng)

    def _simplified(self, task: Task, candidates: list[Candidate]) -> list[Candidate]:
        """Return the candidates, without what changes nothing where that is wanted."""
        if not (self.choice.simplify and self.sandbox and candidates):
            return candidates
        index, number = candidates[0].place
        renderer = self.renderers.of(index, self.sources[index].attempt(task, number))
        settings = renderer.prompt_set.settings
        keep = renderer.prompt_set.render(task).prefill if settings.raw else ""
        return simplified(task, candidates, self.sandbox, keep, self.report)

    def _without_duplicates(self, ranked: Sequence[Candidate]) -> list[Candidate]:
        """Of solutions that are alike keep the first, and of other programs with the same outputs."""
        solutions = [one for one in ranked if one.solves]
        others = {one.outputs: one for one in reversed(ranked) if not one.solves}
        kept = self._unlike(solutions)
        self.report.solutions += len(solutions)
        self.report.near_duplicates += len(solutions) - len(kept)
        self.report.same_outputs += len(ranked) - len(solutions) - len(others)
        return kept + [one for one in ranked if not one.solves and others[one.outputs] is one]

    def _unlike(self, ranked: Sequence[Candidate]) -> list[Candidate]:
        if not ranked:
            return []
        embeddings = self.choice.embedder.embed([one.source for one in ranked])
        return [ranked[i] for i in deduplicate(embeddings, self.choice.cosine)]

    def _steps(self, found: Found, rng: np.random.Generator) -> list[Refinement]:
        """Choose refinements; of those from parents with the same outputs to solutions that are alike, one stays."""
        alike: dict[tuple[bytes, ...], dict[str, Refinement]] = {}
        for step in found.refinements:
            outputs = tuple(parent.outputs for parent in step.parents)
            alike.setdefault(outputs, {}).setdefault(step.child.program_hash, step)
        kept: list[Refinement] = []
        for steps in alike.values():
            children = sorted((step.child for step in steps.values()), key=lambda one: one.rank)
            kept += [steps[child.program_hash] for child in self._unlike(children)]
        self.report.steps += len(found.refinements)
        self.report.step_duplicates += len(found.refinements) - len(kept)
        self.report.supply.update(step.bin for step in kept)
        chosen = SELECT_REFINEMENTS[self.choice.refinement](kept, self.choice.per_task, rng)
        children = self._simplified(found.task, [step.child for step in chosen])
        return [replace(step, child=child) for step, child in zip(chosen, children, strict=True)]

    def _counted(self, row: Row | None) -> Iterator[Row]:
        if row is None:
            self.report.too_long += 1
            return
        self.report.rows[row["kind"]] += 1
        self.report.rows_per_task[row["found_at"]] += 1
        self.report.rows_per_model[f"{row['model']}, {row['adapter'] or 'base'}, iteration {row['iteration']}"] += 1
        if row["bin"] is not None:
            self.report.bins[row["bin"]] += 1
        yield row

    def _sample_row(self, task: Task, candidate: Candidate) -> Row | None:
        index, number = candidate.place
        attempt = self.sources[index].attempt(task, number)
        return self._row(index, relabel(task, attempt), attempt, candidate, ())

    def _variants(
        self, task: Task, solutions: Sequence[Candidate], further: int, moved: Sequence[Candidate]
    ) -> Iterator[Row]:
        """Yield rows that show programs at other inputs; none twice, none where a rule is broken."""
        if self.sandbox is None or not task.is_grid:
            return
        others = [one for one in self.grids if one is not task]
        rng = keyed_rng(self.choice.seed, task.content_hash, "augment", self._last_round())
        drawn = draw_variants(task, solutions, others, further, rng)
        drawn += draw_variants(task, moved, [], 1, rng)
        places = {one.candidate.place for one in drawn}
        attempts = {place: self.sources[place[0]].attempt(task, place[1]) for place in places}
        did = self.sandbox.run([(one.candidate.source, one.inputs) for one in drawn], ENTRY_POINT)
        seen = {(one.source, canonical_json(task_inputs(task))) for one in solutions}
        for variant, outcomes in zip(drawn, map(as_grids, did), strict=True):
            index, attempt = variant.candidate.place[0], attempts[variant.candidate.place]
            if variant.name in seen or not variant.fits(outcomes, self.sources[index].configs[attempt.iteration].rules):
                self.report.unfit += 1
                continue
            seen.add(variant.name)
            row = self._row(index, labelled(variant.shown, outcomes), attempt, variant.candidate, (), variant)
            train, test = variant.accuracies(outcomes)
            self.report.variants += row is not None
            yield from self._counted(row and row | {"train_accuracy": train, "test_accuracy": test})

    def _last_round(self) -> int:
        """The latest of the rounds that rows come from: each round shows what is still the same at other inputs."""
        return max(number for source in self.sources for number in source.configs)

    def _refine_row(self, task: Task, step: Refinement) -> Row | None:
        index, number = step.place
        archive, evaluator = self.sources[index].archive, self.sources[index].evaluator(task)
        attempt = archive.attempt(evaluator, number)
        parents = [archive.find(evaluator, key) for key in attempt.parents]
        row = self._row(index, task, attempt, step.child, parents)
        return row and row | {"parent_accuracy": step.parent_accuracy, "bin": step.bin}

    def _row(
        self,
        index: int,
        shown: Task,
        attempt: Attempt,
        candidate: Candidate,
        parents: Sequence[Attempt],
        variant: Variant | None = None,
    ) -> Row | None:
        """Return a row; None where its prompt does not fit the window."""
        renderer = self.renderers.of(index, attempt)
        sources = [parent.program.source for parent in parents if parent.program]
        program = Program(candidate.source)
        task_hash = attempt.task_hash if variant is None else variant.task.content_hash
        symmetry = None if variant is None or variant.symmetry is None else str(variant.symmetry)
        others = [*sources, *([symmetry] if symmetry else [])]
        order = order_of(self.choice.seed, task_hash, program, others, len(shown.train))
        rendered = renderer.render(*reorder(shown, parents, order))
        if rendered is None:
            return None
        prompt, dropped = rendered
        self.report.shortened += dropped > 0
        return {
            "kind": "refine" if parents else "sample",
            "task_id": shown.id,
            "task_hash": task_hash,
            "found_at": shown.id if variant is None else variant.found_at,
            **prompt_columns(prompt),
            "completion": renderer.prompt_set.reply(candidate.source, prompt.prefill),
            "program": candidate.source,
            "program_hash": candidate.program_hash,
            "parents": sources,
            "symmetry": symmetry,
            "train_accuracy": candidate.train_accuracy,
            "test_accuracy": candidate.test_accuracy,
            "parent_accuracy": None,
            "bin": None,
            "model": attempt.model,
            "adapter": attempt.adapter,
            "iteration": attempt.iteration,
            "prompt_set": renderer.prompt_set.label,
        }
