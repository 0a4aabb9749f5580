"""What tokens cost: a small table, and what a request or a whole search comes to."""

from __future__ import annotations

import math
import re
import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

TABLE = Path(__file__).parent / "prices.toml"
DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")  # gpt-5-mini-2025-08-07 costs what gpt-5-mini does


class Prices(BaseModel):
    """US dollars per million tokens.

    Attributes:
        input: of the prompt.
        output: written by the model, thoughts included.
        cached: of the prompt's tokens that the provider found in its cache; None: as `input`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached: float | None = Field(default=None, ge=0)

    def cost(self, prompt: float, output: float, cached: float = 0) -> float:
        """Return the dollars for so many tokens; `cached` are among those of the prompt."""
        cheap = self.input if self.cached is None else self.cached
        return ((prompt - cached) * self.input + cached * cheap + output * self.output) / 1e6


def dollars(amount: float) -> str:
    """Return an amount as text, in cents, or to two digits that count where it is less than a dollar: $0.0016."""
    if amount == 0 or abs(amount) >= 1:
        return f"${amount:,.2f}"
    return f"${amount:.{max(2, 1 - math.floor(math.log10(abs(amount))))}f}"


def known_prices(host: str, model: str) -> Prices | None:
    """Return what the shipped table says of a model at a host; None where it says nothing."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8")).get(host, {})
    found = table.get(model) or table.get(DATED.sub("", model))
    return None if found is None else Prices.model_validate(found)
