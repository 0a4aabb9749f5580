"""What the core does without extras: a search, its figures, its report, programs that score."""

from __future__ import annotations

import soar

TASK = {"id": "reverse", "train": [{"input": "abc", "output": "cba"}], "test": [{"input": "hello", "output": "olleh"}]}


def score(inputs: list[float], outputs: list[float]) -> float:
    """Best where the program returns seven."""
    return -abs(outputs[0] - 7)


if __name__ == "__main__":
    model = soar.ScriptedModel(["def transform(text):\n    return text[::-1]"])
    results = soar.search([TASK], model, samples=4, refinements=4, run="run")
    assert results["reverse"].solved, results.summary
    assert soar.evaluate(results).summary["tasks_solved"].value == 1
    assert soar.make_report("run").save("run.html").stat().st_size > 10_000
    seven = soar.ScoreTask("seven", "Return seven.", score, [1.0], "def solve(x):\n    return x\n", entry_point="solve")
    assert soar.evolve(seven, programs=20).best.score >= -6
    print("core: a search, its figures, its report, programs that score")
