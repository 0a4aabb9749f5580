"""Let a model get better at tasks by searching them: `python experiments/iterate.py --iters 4`; as `soar iterate`."""

from __future__ import annotations

import typer

from soar.cli.iterate import iterate

if __name__ == "__main__":
    typer.run(iterate)
