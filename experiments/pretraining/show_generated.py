"""Show generated tasks with their programs: python experiments/pretraining/show_generated.py [N] [SEED]."""

from __future__ import annotations

import random
import sys

from soar.tasks.gym.generator import Grid, generate


def side_by_side(grids: list[Grid]) -> str:
    """Grids as digits (a dot for 0), next to each other."""
    height = max(len(grid) for grid in grids)
    rows = []
    for y in range(height):
        cells = ["".join(map(str, grid[y])) if y < len(grid) else " " * len(grid[0]) for grid in grids]
        rows.append("   ".join(cells).replace("0", "."))
    return "\n".join(rows)


def main() -> None:
    """Print N tasks (10 unless told) drawn with a seed (0 unless told)."""
    n, seed = (int(text) for text in [*sys.argv[1:], *("10", "0")[len(sys.argv) - 1 :]])
    rng = random.Random(seed)
    for _ in range(n):
        task = generate(rng, refinement=True)
        print(f"--- {task.family}\n{task.body}{task.parent_body or ''}")
        for pair, wrong in zip(task.train + task.test, task.parent_outputs, strict=True):
            print(side_by_side([*pair, wrong] if wrong else list(pair)), end="\n\n")


if __name__ == "__main__":
    main()
