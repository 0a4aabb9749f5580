"""Let a model get better at tasks by searching them: `python experiments/iterate.py --iters 4`; as `soar iterate`."""

from __future__ import annotations

from soar.cli.iterate import iterate
from soar.cli.main import command_of, main

if __name__ == "__main__":
    main(command_of(iterate))
