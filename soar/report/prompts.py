"""The prompts of a search, made again: an archive holds their hashes, which tell whether they are the ones sent."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from soar.archive.records import Request, prompt_hash
from soar.evolution.config import SearchConfig
from soar.evolution.few_shot import FILE, FewShotPool
from soar.evolution.run_folder import RunFolder
from soar.models.base import Prompt
from soar.programs.program import Attempt
from soar.prompts.prompt_set import FewShot, PromptError, PromptSet, load_prompt_set, without_largest
from soar.tasks.task import Task


@dataclass(slots=True)
class PromptMaker:
    """Renders what was sent in a round of a run; knows by the hash whether that is right.

    Attributes:
        folder: of the run.
        config: of the round.
    """

    folder: RunFolder
    config: SearchConfig
    _pool: dict[str, FewShot] | None = None
    _sets: dict[str, PromptSet | None] = field(default_factory=dict)

    def make(self, request: Request, task: Task, parents: Sequence[Attempt]) -> Prompt | None:
        """Return the prompt of a request; None where templates or solved tasks are no longer what they were."""
        prompt_set = self._prompt_set(request.prompt_set)
        if prompt_set is None or not all(one in self._shown() for one in request.few_shot):
            return None
        example = self._shown()[request.few_shot[0]] if request.few_shot else None
        for dropped in range(max(len(task.train), 1)):  # a prompt that was too long left out the largest examples
            prompt = prompt_set.render(*without_largest(task, parents, dropped), example)
            if prompt_hash(prompt) == request.prompt_hash:
                return prompt
        return None

    def _prompt_set(self, label: str) -> PromptSet | None:
        if label not in self._sets:
            try:
                found = load_prompt_set(self.config.prompt_set or label.partition(":")[0])
                if found.label != label:  # for other values than grids soar takes a set of another name
                    found = load_prompt_set(label.partition(":")[0])
            except PromptError:  # a folder that is gone or broken: the report says that prompts cannot be shown
                self._sets[label] = None
            else:
                self._sets[label] = found if found.label == label else None
        return self._sets[label]

    def _shown(self) -> dict[str, FewShot]:
        if self._pool is None:
            frozen = self.folder.read(FILE).get(str(self.config.iteration))
            examples = FewShotPool.from_json(frozen).examples if frozen else ()
            self._pool = {one.task.id: one for one in examples}
        return self._pool


@dataclass(slots=True)
class PackedPrompts:
    """The prompts of one task, each as what it adds to the first, and sources of programs as their numbers."""

    number_of: Callable[[Attempt], int]
    base: str = ""
    items: list[dict[str, Any]] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)

    def add(self, hash: str, prompt: Prompt, parents: Sequence[Attempt]) -> int:
        """Return the number of a prompt; it is packed where its hash is new."""
        if hash not in self.places:
            text = "".join(message["content"] for message in prompt.messages)
            self.base = self.base or text
            shared = len(os.path.commonprefix([self.base, text]))  # noqa: RUF071 - of characters, as it does
            roles = [[message["role"], len(message["content"])] for message in prompt.messages]
            tail = self._without_sources(text[shared:], parents)
            self.places[hash] = len(self.items)
            self.items.append({"roles": roles, "shared": shared, "tail": tail, "prefill": prompt.prefill})
        return self.places[hash]

    def _without_sources(self, text: str, parents: Sequence[Attempt]) -> list[str | int]:
        pieces: list[str | int] = [text]
        for parent in parents:
            source = parent.program.source if parent.program else ""
            last = pieces[-1]
            if source and isinstance(last, str) and source in last:
                before, _, after = last.partition(source)
                pieces[-1:] = [before, self.number_of(parent), after]
        return pieces
