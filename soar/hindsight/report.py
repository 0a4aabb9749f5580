"""What became of the attempts that hindsight was given: how many were left out, by which rule, how many rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

SHOWN = 8  # tasks named


@dataclass(slots=True)
class HindsightReport:
    """Counts over all tasks; prints itself as a table.

    Attributes:
        options: what `make_dataset` was told.
        tasks: number of tasks with attempts.
        completions: attempts looked at; of them
        no_program: replies without a program;
        broken_rules: attempts that break each eligibility rule (an attempt may break several);
        eligible: attempts that break none; of these
        no_output: raised or gave no value, where the rule against that was switched off.
        programs: distinct programs of a task among the rest; `solutions`: of them right wherever that is known.
        simplified: programs that got shorter without giving anything else; `characters` of all that were looked at,
            `characters_left` of what became of them.
        near_duplicates: solutions dropped for being like a better one; `same_outputs`: other programs dropped for
            giving the same outputs as a better one.
        right_children: refinements that are right on all examples and test inputs; `right_parents`: of them those
            whose parent was so too; `steps`: the others, distinct; `step_duplicates`: of these dropped for being like
            another, from parents with the same outputs.
        supply: steps left, by the parent's bin; `bins`: rows, by the parent's bin.
        rows: rows by kind; `variants`: of those for sampling, programs at other inputs than their task's own.
        unfit: programs that broke a rule at such inputs, or showed what another row shows.
        too_long: rows left out because their prompt does not fit the model's window; `shortened`: rows that show fewer
            examples for that reason, as the search does with `drop_examples`.
        unmeasured: models of attempts whose prompts were not measured, because their tokens are not known.
        rows_per_task: rows of each task, by id.
        rows_per_model: rows by model and adapter, and round: "mini, base, iteration 0".
        unknown_tests: tasks whose test outputs are not (all) known, and were not to be used.
    """

    options: dict[str, Any]
    tasks: int = 0
    completions: int = 0
    no_program: int = 0
    broken_rules: Counter[str] = field(default_factory=Counter)
    eligible: int = 0
    no_output: int = 0
    programs: int = 0
    solutions: int = 0
    simplified: int = 0
    characters: int = 0
    characters_left: int = 0
    near_duplicates: int = 0
    same_outputs: int = 0
    right_children: int = 0
    right_parents: int = 0
    steps: int = 0
    step_duplicates: int = 0
    supply: Counter[str] = field(default_factory=Counter)
    bins: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    variants: int = 0
    unfit: int = 0
    too_long: int = 0
    shortened: int = 0
    unmeasured: list[str] = field(default_factory=list)
    rows_per_task: dict[str, int] = field(default_factory=dict)
    rows_per_model: Counter[str] = field(default_factory=Counter)
    unknown_tests: int = 0

    @property
    def tasks_without_rows(self) -> list[str]:
        """Ids of the tasks that no row came from."""
        return [id for id, count in self.rows_per_task.items() if count == 0]

    def to_json(self) -> dict[str, Any]:
        """All counts as JSON data."""
        counts = {name: getattr(self, name) for name in self.__dataclass_fields__}
        plain = {name: dict(value) if isinstance(value, Counter) else value for name, value in counts.items()}
        return plain | {"tasks_without_rows": self.tasks_without_rows}

    def lines(self) -> list[tuple[str, str, str]]:
        """The report as (stage, count, remark)."""
        sample, refine = self.rows["sample"], self.rows["refine"]
        rules = [(f"  breaks the rule {rule}", str(count), "") for rule, count in sorted(self.broken_rules.items())]
        lines = [
            ("attempts", str(self.completions), f"of {self.tasks} tasks"),
            ("  without a program", str(self.no_program), ""),
            *rules,
            ("eligible", str(self.eligible), "the others break a rule, some of them several"),
        ]
        if self.no_output:
            lines.append(("  without an output", str(self.no_output), "raised, or gave no value"))
        lines += [
            ("distinct programs", str(self.programs), f"{self.solutions} of them solve their task"),
            *self._simplified(),
            ("  near-duplicates", str(self.near_duplicates), self._embedding()),
            ("  same outputs", str(self.same_outputs), "as a better one, of those that do not solve it"),
            ("rows for sampling", str(sample), f"{self.options['selection']}, {self._per_task(sample)}"),
        ]
        if self.options["augment"] or self.options["move_inputs"]:
            remark = f"{self.unfit} more break a rule there, or show nothing new"
            lines.append(("  at other inputs", str(self.variants), remark))
        if not self.options["test_time"]:
            lines += self._refinement_lines(refine)
        if self.too_long or self.shortened:
            lines.append(("too long", str(self.too_long), f"for the window; {self.shortened} rows show fewer examples"))
        lines.append(("rows", str(sample + refine), self._models()))
        lines.append(("tasks without rows", str(len(self.tasks_without_rows)), self._missing()))
        return lines

    def _refinement_lines(self, refine: int) -> list[tuple[str, str, str]]:
        bins = [
            (f"  parent {name}", str(self.bins[name]), f"of {self.supply[name]} steps")
            for name in ("0%", "(0, 34%]", "(34%, 98%)", ">=98%")
        ]
        unknown = f"; {self.unknown_tests} tasks have unknown test outputs" if self.unknown_tests else ""
        return [
            ("refinements that solve", str(self.right_children), f"all examples and test inputs{unknown}"),
            ("  from a right parent", str(self.right_parents), "nothing to learn from"),
            ("  distinct steps", str(self.steps), f"{self.step_duplicates} of them like another"),
            ("rows for refinement", str(refine), f"{self.options['refinement']}, {self._per_task(refine)}"),
            *bins,
        ]

    def _simplified(self) -> list[tuple[str, str, str]]:
        if not self.options["simplify"]:
            return []
        share = 1 - self.characters_left / max(self.characters, 1)
        return [("  simplified", str(self.simplified), f"{share:.0%} of the characters changed nothing")]

    def _embedding(self) -> str:
        return (
            f"solutions with a cosine above {self.options['threshold']:g} to a better one ({self.options['embedder']})"
        )

    def _per_task(self, rows: int) -> str:
        return f"at most {self.options['per_task']} a task, {rows / max(self.tasks, 1):.1f} on average"

    def _models(self) -> str:
        parts = [f"{count} from {name}" for name, count in sorted(self.rows_per_model.items())]
        unmeasured = f"; lengths unknown for {', '.join(self.unmeasured)}" if self.unmeasured else ""
        return "; ".join(parts) + unmeasured

    def _missing(self) -> str:
        names = self.tasks_without_rows
        return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")

    def __str__(self) -> str:
        return "\n".join(f"{stage:28} {count:>8}  {remark}".rstrip() for stage, count, remark in self.lines())

    def __rich__(self) -> RenderableType:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, header_style="bold", pad_edge=False)
        table.add_column("stage")
        table.add_column("count", justify="right")
        table.add_column("")
        for stage, count, remark in self.lines():
            bold = "" if stage.startswith(" ") else "bold"
            table.add_row(*map(Text, (stage, count, remark)), style=bold)
        return table

    def _repr_html_(self) -> str:
        from html import escape

        cells = ("<td>".join(escape(cell) for cell in line) for line in self.lines())
        return "<table>" + "".join(f"<tr><td>{row}</tr>" for row in cells) + "</table>"
