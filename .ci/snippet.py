"""Print the first Python snippet below a heading of a Markdown page: `snippet.py README.md "## Heading"`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

if __name__ == "__main__":
    page, heading = sys.argv[1:]
    below = Path(page).read_text(encoding="utf-8").split(f"\n{heading}\n", 1)[1]
    found = re.search(r"```python\n(.*?)```", below, re.DOTALL)
    if found is None:
        sys.exit(f"{page} has no Python snippet under {heading}")
    print(found[1])
