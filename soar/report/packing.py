"""How data lies in a page: values as short JSON, JSON as compressed text that no browser reads as markup."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from soar.tasks.values import Value, is_grid

LONGEST_VALUE = 20_000  # characters of a value that is no grid; the rest is left out, and said to be

Packed: TypeAlias = "str | list[str] | None"
T = TypeVar("T", bound=Hashable)


def packed(value: Value) -> Packed:
    """A grid as its rows of digits ("012/345"), None as it is, any other value as a list that holds its JSON text."""
    if value is None:
        return None
    if is_grid(value):
        return "/".join("".join(map(str, row)) for row in value)
    text = json.dumps(value, ensure_ascii=False)
    if len(text) > LONGEST_VALUE:
        text = f"{text[:LONGEST_VALUE]} ... {len(text):,} characters"
    return [text]


def compressed(data: object) -> str:
    """JSON data as base64 of a zlib stream, which `DecompressionStream("deflate")` reads."""
    text = json.dumps(data, separators=(",", ":"))  # ASCII: half a surrogate pair is data too
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


@dataclass(slots=True)
class Pool(Generic[T]):
    """Things that are named by number, each kept once."""

    items: list[Any] = field(default_factory=list)
    places: dict[T, int] = field(default_factory=dict)

    def number(self, key: T, item: Any) -> int:
        """Return the number of what `key` stands for; `item` is kept where it is new."""
        if key not in self.places:
            self.places[key] = len(self.items)
            self.items.append(item)
        return self.places[key]
