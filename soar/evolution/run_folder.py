"""A run's folder: what was asked for, the tasks, the archive; and the refusal to go on with something else."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from soar.core.custom import label_of
from soar.core.files import write_whole
from soar.core.manifest import Manifest, rules_of
from soar.evolution.config import ConfigError, SearchConfig
from soar.models.base import LanguageModel
from soar.prompts.prompt_set import PromptSet
from soar.tasks.task import Task

SHOWN = "few_shot (hash of the solved tasks)"
BUDGETS = tuple(name for name, rule in rules_of(SearchConfig).items() if rule == "grow")


Description: TypeAlias = tuple[dict[str, Any], dict[str, Task]]  # rounds as in config.json, tasks


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of a run: `config.json`, `tasks.json`, `archive.sqlite`, `metrics.jsonl`."""

    path: Path

    @property
    def archive(self) -> Path:
        """The SQLite file."""
        return self.path / "archive.sqlite"

    def tasks(self) -> dict[str, Task]:
        """Return the tasks of the run, test outputs included where they were known; empty where there is no run yet."""
        return {id: Task.from_json(id, data) for id, data in self.read("tasks.json").items()}

    def config(self, iteration: int | None = None) -> SearchConfig:
        """Return the options of a round; None: of the last one.

        Raises:
            ConfigError: there is no such round in this folder.
        """
        rounds = self.read("config.json")
        number = max(map(int, rounds), default=0) if iteration is None else iteration
        if str(number) not in rounds:
            raise ConfigError(f"{self.path} holds no search of iteration {number}: is it the folder of a run?")
        return SearchConfig.of(rounds[str(number)]["options"] | {"iteration": number})

    def model(self, iteration: int) -> tuple[str, str | None]:
        """Return the name of a round's model, and of its adapter."""
        described = self.read("config.json")[str(iteration)]
        return described["model"], described["adapter"]

    def rounds(self) -> list[int]:
        """Return the numbers of the rounds in this folder."""
        return sorted(map(int, self.read("config.json")))

    def skipped(self, iteration: int) -> dict[str, str]:
        """Return id and reason of the tasks that were not searched in a round."""
        return dict(self.read("config.json")[str(iteration)].get("skipped", {}))

    def claim(
        self,
        config: SearchConfig,
        model: LanguageModel,
        prompt_sets: Mapping[str, PromptSet],
        tasks: Mapping[str, Task],
        skipped: Mapping[str, str],
        few_shot: str | None = None,
        executor: object = None,
    ) -> str:
        """Write down what is searched, or check that it is what the folder already holds. Call it as the only writer.

        Tasks may be added, and budgets raised. `skipped` are those of the tasks that are not searched, and why;
        `few_shot` is the hash of the pool of solved tasks, where there is one; `executor` what runs the programs, where
        that is not the sandbox.
        Returns which budgets were raised ("samples from 16 to 32"), "" where none was.

        Raises:
            ConfigError: something differs that would falsify the run; names the field, the old and the new value.
        """
        known = self._joined_tasks(tasks)
        rounds = self.read("config.json")
        options = config.model_dump(mode="json", exclude={"iteration"})
        new: dict[str, Any] = {
            "model": model.name,
            "adapter": model.adapter,
            "prompt_set": config.prompt_set or model.prompt_set,
            "prompt_set_hashes": {name: prompt_set.hash for name, prompt_set in prompt_sets.items()},
            "options": options,
            "few_shot": few_shot,
            "executor": None if executor is None else label_of(executor),
            "skipped": dict(skipped),
        }
        raised = ""
        if old := rounds.get(str(config.iteration)):
            self._check(old, new)
            pairs = [(name, old["options"][name], options[name]) for name in BUDGETS]
            raised = ", ".join(f"{name} from {before} to {now}" for name, before, now in pairs if now > before)
            new["prompt_set_hashes"] = old["prompt_set_hashes"] | new["prompt_set_hashes"]
            before = {id: reason for id, reason in old.get("skipped", {}).items() if id not in tasks}
            new["skipped"] = before | new["skipped"]
        self.adopt((rounds | {str(config.iteration): new}, known))
        return raised

    def joined(self, other: RunFolder) -> Description:
        """Return what describes both runs as one; of different budgets the larger counts.

        Raises:
            ConfigError: they differ in what would falsify the result.
        """
        rounds = self.read("config.json")
        for number, theirs in other.read("config.json").items():
            ours = rounds.setdefault(number, theirs)
            for budget in BUDGETS:
                most = max(ours["options"][budget], theirs["options"][budget])
                theirs["options"][budget] = ours["options"][budget] = most
            self._check(ours, theirs)
            ours["prompt_set_hashes"] |= theirs["prompt_set_hashes"]
            ours["skipped"] = ours.get("skipped", {}) | theirs.get("skipped", {})
        return rounds, self._joined_tasks(other.tasks())

    def adopt(self, description: Description) -> None:
        """Write down what describes the run."""
        rounds, tasks = description
        self.write("config.json", rounds)
        self.write("tasks.json", {id: task.to_json() for id, task in tasks.items()})

    def _joined_tasks(self, tasks: Mapping[str, Task]) -> dict[str, Task]:
        known = self.tasks()
        for id, task in tasks.items():
            if id in known:
                before, now = (
                    {f"tolerance of task {id}": one.tolerance, f"content of task {id}": one.content_hash}
                    for one in (known[id], task)
                )
                self._manifest.check(before, now)
        return known | dict(tasks)

    def log(self, line: Mapping[str, Any]) -> None:
        """Append a line to `metrics.jsonl`."""
        with (self.path / "metrics.jsonl").open("a+b") as file:
            torn = file.tell() > 0 and (file.seek(-1, os.SEEK_END), file.read())[1] != b"\n"
            file.write(b"\n" * torn + json.dumps(line).encode() + b"\n")

    def events(self) -> dict[str, int]:
        """Return how often what happened, by the kinds of events that `metrics.jsonl` holds."""
        return dict(Counter(line["event"] for line in self.metrics() if "event" in line))

    def metrics(self) -> list[dict[str, Any]]:
        """Return the lines of `metrics.jsonl`, without those that a kill or a full disk has cut short."""
        path = self.path / "metrics.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def _check(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        fields = ("model", "adapter", "prompt_set", "few_shot", "executor")
        hashes = {name: old["prompt_set_hashes"].get(name, hash) for name, hash in new["prompt_set_hashes"].items()}
        self._manifest.check(_named(old, fields, hashes), _named(new, fields, new["prompt_set_hashes"]))
        usual = SearchConfig.of({}).model_dump(mode="json")
        self._manifest.check(old["options"], new["options"], usual)

    @property
    def _manifest(self) -> Manifest:
        return Manifest(self.path, ConfigError, rules_of(SearchConfig) | {SHOWN: "stay"})

    def read(self, file: str) -> dict[str, Any]:
        """Return what a JSON file of the run holds; nothing where there is none.

        Raises:
            ConfigError: it is damaged.
        """
        path = self.path / file
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        except ValueError as error:
            raise ConfigError(f"{path} is damaged ({error}): put a copy back, or use another run folder") from None
        if not isinstance(content, dict):
            raise ConfigError(f"{path} is damaged (no JSON object): put a copy back, or use another run folder")
        return content

    def write(self, file: str, content: Mapping[str, Any]) -> None:
        """Write a JSON file, whole or not at all: a kill leaves the old one."""
        write_whole(self.path / file, json.dumps(content, indent=None if file == "tasks.json" else 1))


def _named(entry: dict[str, Any], fields: tuple[str, ...], hashes: dict[str, str]) -> dict[str, Any]:
    """The claims of an iteration beside its options, as they are called in messages."""
    claims = {name: entry.get(name) for name in fields}
    claims[SHOWN] = claims.pop("few_shot")
    return claims | {f"prompt set {name} (hash of its files)": hash for name, hash in hashes.items()}
