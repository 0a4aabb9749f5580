"""What a search found for many tasks, and how much of it is right, in the three ways that are in use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soar.archive.export import to_dataset, to_pandas, to_parquet, write_rows
from soar.archive.reader import Archive
from soar.archive.records import Evaluator
from soar.evolution.config import ConfigError, SearchConfig
from soar.evolution.result import SearchResult
from soar.evolution.results_table import results_to_html, results_to_rich, results_to_text
from soar.evolution.run_folder import RunFolder
from soar.evolution.summary import Summary
from soar.programs.scoring import Scorer
from soar.programs.voting import Vote, Weighting
from soar.tasks.task import Task, twins_of

if TYPE_CHECKING:
    from datasets import Dataset
    from pandas import DataFrame
    from rich.console import RenderableType


class SearchResults(Mapping[str, SearchResult]):
    """The results of many tasks by id, each read when it is looked at; draws and prints itself as a table.

    Attributes:
        run: the folder of the run.
        config: the options of the search; `model`: name of the model, and of its adapter or None.
        skipped: id and reason of the tasks that were not searched.
        stopped: why a stopper ended the search before its budget was spent; None where none did.
        twins: id of a task whose content another has as well, and id of that one, the first: they share one search.
    """

    def __init__(
        self,
        folder: RunFolder,
        tasks: Mapping[str, Task],
        config: SearchConfig,
        skipped: Mapping[str, str] | None = None,
        stopped: str | None = None,
        keep: object = None,
    ) -> None:
        self.run, self.skipped, self.stopped = folder.path, dict(skipped or {}), stopped
        self.config, self.model = config, folder.model(config.iteration)
        self._tasks, self._keep = dict(tasks), keep  # a temporary folder lives as long as its results
        self.twins = {other: id for id, others in twins_of(self._tasks)[1].items() for other in others}
        self._archive = Archive(folder.archive)
        self._results: dict[str, SearchResult] = {}

    def __getitem__(self, id: str | int) -> SearchResult:
        if isinstance(id, int):  # a place among the tasks: results[0], results[-1]
            id = list(self._tasks)[id]
        if id not in self._results:
            task = self._tasks[id]
            self._results[id] = SearchResult(
                task, self._archive, self.config, self.skipped.get(id), self.stopped, self._keep
            )
        return self._results[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def events(self) -> dict[str, int]:
        """How often what happened on the way, over all starts; see `Snapshot.events`."""
        return RunFolder(self.run).events()

    @property
    def cut(self) -> tuple[int, int]:
        """How many replies were cut at the longest length, and the length in tokens of the longest of them."""
        return self._archive.cut(iteration=self.config.iteration)

    @property
    def summary(self) -> Summary:
        """How much is solved, in all readings; the first call reads the whole archive, a task at a time."""
        results = list(self.values())
        graded = [result for result in results if result.test_correct and None not in result.test_correct]
        outputs = [hit for result in graded for hit in result.test_correct]
        stats = [result.stats for result in results if result.task.id not in self.twins]
        costs = [one.cost for one in stats if one.cost is not None]
        mean_solved = _mean([_mean(result.test_correct) for result in graded])
        oracle = _mean([_mean(result.oracle_correct) for result in graded])
        return Summary(
            tasks=len(self),
            searched=len(self) - len(self.skipped),
            graded=len(graded),
            mean_solved=mean_solved,
            outputs_solved=_mean(outputs),
            tasks_solved=sum(result.solved is True for result in graded),
            oracle=oracle,
            gap=None if oracle is None or mean_solved is None else oracle - mean_solved,
            examples_solved=sum(result.stats.solving_examples > 0 for result in results),
            ended=sum(result.ended is not None for result in results),
            set_aside=sum(bool(result.set_aside) for result in results),
            completions=sum(one.completions for one in stats),
            parse_failures=sum(one.parse_failures for one in stats),
            programs=sum(one.programs for one in stats),
            unique_outputs=sum(one.unique_outputs for one in stats),
            failures=dict(sorted(sum((Counter(one.failures) for one in stats), Counter[str]()).items())),
            tokens=sum(one.tokens for one in stats),
            prompt_tokens=sum(one.prompt_tokens for one in stats),
            cost=sum(costs) if costs else None,
        )

    def to_json(self) -> dict[str, Any]:
        """The summary and each task's result as JSON data."""
        return {"summary": asdict(self.summary), "results": {id: result.to_json() for id, result in self.items()}}

    def export(self, path: str | Path) -> int:
        """Write all attempts to a .parquet, .csv or .jsonl file, and return their number.

        Raises:
            ExportError: the suffix is another, or pyarrow is not installed.
        """
        return write_rows(path, self._archive, self._evaluators(), self.config.iteration)

    def to_parquet(self, path: str | Path) -> int:
        """Write all attempts to a Parquet file, a row per completion (see `soar.archive.export`); return their number.

        Raises:
            ExportError: pyarrow is not installed, or the file's suffix is that of another kind of file.
        """
        return to_parquet(path, self._archive, self._evaluators(), self.config.iteration)

    def to_dataset(self) -> Dataset:
        """Return all attempts as a `datasets.Dataset`, which lies in the run's folder, not in memory.

        Raises:
            ExportError: datasets is not installed.
        """
        return to_dataset(self.run, self._archive, self._evaluators(), self.config.iteration)

    def _evaluators(self) -> list[Evaluator]:
        return [self.config.evaluator(task) for task in self._tasks.values()]

    def to_pandas(self) -> DataFrame:
        """Return a pandas table with a row per task: what `to_json` has of each, statistics as columns.

        Raises:
            ExportError: pandas is not installed.
        """
        found = [result.to_json() for result in self.values()]
        return to_pandas({**one, **one["stats"]} for one in found)

    def __repr__(self) -> str:
        return f"<SearchResults of {len(self)} tasks in {self.run}>"

    def __str__(self) -> str:
        return results_to_text(self)

    def __rich__(self) -> RenderableType:
        return results_to_rich(self)

    def _repr_html_(self) -> str:
        return results_to_html(self)


def load_run(
    run: str | Path,
    iteration: int | None = None,
    *,
    vote_weight: Weighting | Vote | None = None,
    scorer: Scorer | None = None,
) -> SearchResults:
    """Return the results of the search in a run folder, also while it is under way.

    Args:
        run: the folder.
        iteration: round of the loop; None: the last one.
        vote_weight: of the vote, see `SearchConfig`; None: as the search was told.
        scorer: of one's own, that the search was told; a folder knows no more of it than its name and hash.

    Raises:
        ConfigError: the folder holds no such search, or one with another scorer.
        ArchiveError: its archive cannot be read.
    """
    folder = RunFolder(Path(run).absolute())
    config = folder.config(iteration)
    if vote_weight is not None:
        config = SearchConfig.of(dict(config) | {"vote_weight": vote_weight})
    if scorer is not None:
        given = SearchConfig.of(dict(config) | {"scorer": scorer})
        if given.scorer != config.scorer:
            raise ConfigError(f"{folder.path} was searched with another scorer: give the one that it was searched with")
        config = given
    return SearchResults(folder, folder.tasks(), config, folder.skipped(config.iteration))


def _mean(values: list[Any]) -> float | None:
    return sum(values) / len(values) if values else None
