"""Training text for `mini`: generated tasks as token ids with a weight for the loss on each, in padded batches."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import IterableDataset
from transformers import PreTrainedTokenizerFast

from soar.programs.program import Attempt, Program
from soar.prompts.notation import INPUT, OUTPUT, TEST
from soar.prompts.prompt_set import load_prompt_set
from soar.sandbox.outcome import Outcome
from soar.tasks.gym.generator import HEADER, GeneratedTask, generate
from soar.tasks.task import Example, Task

LENGTHS = range(128, 4097, 32)  # few enough: kernels are built per shape
WINDOW = LENGTHS[-1]
BATCHES = 16  # batches of one pool: the more, the more alike the lengths in each, and the less padding
REFINEMENT_SHARE = 0.3
PROGRAM_WEIGHT = 1.0
OUTPUT_WEIGHT = 0.1  # outputs of the second and later examples: what can be inferred is worth learning
OTHER_WEIGHT = 0.01


@dataclass(frozen=True, slots=True)
class Stage:
    """Sizes of the tasks drawn up to a share of the training: grids grow as it goes on.

    Attributes:
        until: share of all steps at which the stage ends.
        max_side: longest side of a grid.
        max_cells: most cells in a task's prompt; each task draws its own bound below it, evenly in the logarithm.
    """

    until: float
    max_side: int
    max_cells: int


STAGES = (Stage(0.4, 10, 300), Stage(0.65, 16, 800), Stage(0.85, 30, 2000), Stage(1.0, 30, 3700))


class Source(NamedTuple):
    """Where the tasks of a training come from.

    Attributes:
        draw: draws a task of a stage's sizes.
        stages: of the training.
    """

    draw: Callable[[random.Random, Stage], GeneratedTask]
    stages: tuple[Stage, ...]


def draw_task(rng: random.Random, stage: Stage, refinement: bool) -> GeneratedTask:
    """Draw a task of the stage's sizes."""
    return generate(rng, max_side=stage.max_side, max_cells_total=draw_cells(rng, stage), refinement=refinement)


def draw_cells(rng: random.Random, stage: Stage) -> int:
    """Draw the most cells of a task, evenly in the logarithm."""
    low = max(200, stage.max_cells / 10)
    return int(low * (stage.max_cells / low) ** rng.random())


def draw_any(rng: random.Random, stage: Stage) -> GeneratedTask:
    """Draw a task of all families, some of them with a wrong program that is to be refined."""
    return draw_task(rng, stage, refinement=rng.random() < REFINEMENT_SHARE)


EVERYTHING = Source(draw_any, STAGES)


@dataclass(frozen=True, slots=True)
class Row:
    """One training text: token ids and the weight of the loss on each."""

    ids: list[int]
    weights: list[float]


Batch = tuple[NDArray[np.int16], NDArray[np.float16]]  # small: many pools wait in memory at a time


class Corpus(IterableDataset[list[Batch]]):
    """Endless pools of `BATCHES` batches (ids, weights; both [rows, length]): a pool depends on its number only.

    So step n of a training always sees the same batch, whatever was killed and however many processes draw.

    Args:
        tokenizer: `mini`'s.
        seed: of the whole corpus; pool i is drawn from (seed, i).
        batch_tokens: rows times padded length, at least the longest length.
        steps: batches in the whole training, which the stages divide.
        source: of the tasks.
        start: first pool.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerFast,
        seed: int,
        batch_tokens: int,
        steps: int,
        source: Source = EVERYTHING,
        start: int = 0,
    ) -> None:
        if batch_tokens < WINDOW:
            raise ValueError(f"a batch must hold one text of the longest length: batch_tokens >= {WINDOW}")
        self.tokenizer, self.seed, self.batch_tokens = tokenizer, seed, batch_tokens
        self.steps, self.source, self.start = steps, source, start

    def __iter__(self) -> Iterator[list[Batch]]:
        info = torch.utils.data.get_worker_info()
        offset, stride = (info.id, info.num_workers) if info else (0, 1)
        for number in itertools.count(self.start + offset, stride):
            yield self.pool(number)

    def pool(self, number: int) -> list[Batch]:
        """Draw texts until they fill all batches of the pool; return these in random order."""
        rng = random.Random(f"{self.seed}/{number}")
        stage = stage_of(number * BATCHES / self.steps, self.source.stages)
        rows: list[Row] = []
        padded = 0
        groups: list[list[Row]] = []
        while len(groups) < BATCHES:
            row = encode(self.source.draw(rng, stage), self.tokenizer)
            if len(row.ids) > WINDOW:
                continue
            rows.append(row)
            padded += padded_length(row)
            if padded >= BATCHES * self.batch_tokens:
                groups = group(rows, self.batch_tokens)
        rng.shuffle(groups)
        return [pad(rows, padded_length(rows[0]), self.tokenizer.pad_token_id) for rows in groups[:BATCHES]]


def stage_of(share: float, stages: tuple[Stage, ...] = STAGES) -> Stage:
    """Return the stage in which a training is after this share of its steps."""
    return next((stage for stage in stages if share < stage.until), stages[-1])


def padded_length(row: Row) -> int:
    """Return the length to which the row is padded."""
    return next(length for length in LENGTHS if len(row.ids) <= length)


def group(rows: list[Row], batch_tokens: int) -> list[list[Row]]:
    """Return full batches of texts of like length, longest first; texts too few for a batch are left out."""
    ordered = sorted(rows, key=lambda row: -len(row.ids))
    groups = []
    while ordered:
        count = batch_tokens // padded_length(ordered[0])
        groups.append(ordered[:count])
        ordered = ordered[count:]
        if len(groups[-1]) < count:
            groups.pop()
    return groups


def encode(generated: GeneratedTask, tokenizer: PreTrainedTokenizerFast) -> Row:
    """Return the prompt that the search would show for the task, the right program and the end token."""
    task, parents = to_task(generated)
    text = load_prompt_set("mini").render(task, parents).text + generated.body
    ids = [tokenizer.bos_token_id, *tokenizer.encode(text, add_special_tokens=False), tokenizer.eos_token_id]
    return Row(ids, weigh(ids, tokenizer))


def to_task(generated: GeneratedTask) -> tuple[Task, tuple[Attempt, ...]]:
    """Return the generated task as a `Task`, and its broken neighbour, if any, as the attempt to be refined."""
    train = tuple(Example(x, y) for x, y in generated.train)
    task = Task("generated", train, tuple(Example(x, None) for x, _ in generated.test))
    if generated.parent_body is None:
        return task, ()
    outcomes = tuple(
        Outcome("ok", [[*row] for row in output]) if output else Outcome("error") for output in generated.parent_outputs
    )
    right = sum(outcome.value == example.output for outcome, example in zip(outcomes, train, strict=False))
    parent = Attempt(
        key="", task_id=task.id, task_hash="", iteration=0, phase="sample", island=None, parents=(), model="",
        adapter=None, program=Program(HEADER + generated.parent_body), train=outcomes[: len(train)],
        test=outcomes[len(train) :], train_accuracy=right / len(train),
    )  # fmt: skip
    return task, (parent,)


def weigh(ids: list[int], tokenizer: PreTrainedTokenizerFast) -> list[float]:
    """Weight of the loss on each token: most on the program, some on outputs that can be inferred, little elsewhere."""
    header, *marks = (tokenizer.convert_tokens_to_ids(token) for token in (HEADER, INPUT, OUTPUT, TEST))
    input_mark, output_mark, test_mark = marks
    program = len(ids) - ids[::-1].index(header)
    weights, examples, current = [], 0, OTHER_WEIGHT
    for token in ids[:program]:
        if token == output_mark:
            examples += 1
            current = OUTPUT_WEIGHT if examples > 1 else OTHER_WEIGHT
        elif token in (input_mark, test_mark):
            current = OTHER_WEIGHT
        weights.append(current)
    return weights + [PROGRAM_WEIGHT] * (len(ids) - program)


def pad(rows: list[Row], length: int, pad_token: int) -> Batch:
    """Return ids and weights, both [rows, length], padded on the right with weight 0."""
    ids = np.full((len(rows), length), pad_token, dtype=np.int16)
    weights = np.zeros((len(rows), length), dtype=np.float16)
    for i, row in enumerate(rows):
        ids[i, : len(row.ids)] = row.ids
        weights[i, : len(row.ids)] = row.weights
    return ids, weights
