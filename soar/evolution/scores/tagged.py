"""Arguments and answers as plain data, and back: what lists alone would lose of tuples and arrays.

This file is also put behind programs in the sandbox, so it needs nothing of soar. Types are taken exactly: an object
that poses as another is refused.
"""

from __future__ import annotations

from typing import Any

_PLAIN = (type(None), bool, int, str)
_KINDS = "biufU"  # of arrays


def tag(value: Any) -> Any:
    """Return a value as JSON's kinds. Raises TypeError for what is no number, text, list, tuple, dict, set or array."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is float:
        return value if value - value == 0 else {"f": repr(value)}
    if kind in (list, tuple, set):
        items = sorted(value, key=repr) if kind is set else value
        return {kind.__name__[0]: [tag(item) for item in items]}
    if kind is dict:
        return {"d": [[tag(name), tag(item)] for name, item in value.items()]}
    if kind.__module__ == "numpy" and hasattr(kind, "dtype"):
        import numpy as np

        array = np.asarray(value)
        if (type(value) is not np.ndarray and not isinstance(value, np.generic)) or array.dtype.kind not in _KINDS:
            raise TypeError(f"an array of {array.dtype} is no plain data")
        items = [tag(item) for item in array.ravel().tolist()]
        return {"a": [array.dtype.str, list(array.shape), items, type(value) is np.ndarray]}
    raise TypeError(f"a {kind.__name__} is no plain data: give numbers, text, lists, tuples, dicts, sets or arrays")


def untag(value: Any) -> Any:
    """Return what `tag` was given. Raises ValueError for what it does not write."""
    if type(value) in (*_PLAIN, float):
        return value
    if type(value) is not dict or len(value) != 1:
        raise ValueError("no tagged value")
    ((kind, held),) = value.items()
    if kind == "f" and held in ("nan", "inf", "-inf"):
        return float(held)
    if type(held) is not list:
        raise ValueError("no tagged value")
    if kind in ("l", "t", "s"):
        return {"l": list, "t": tuple, "s": set}[kind](untag(item) for item in held)
    if kind == "d":
        return {untag(name): untag(item) for name, item in held}
    if kind == "a":
        import numpy as np

        dtype, shape, items, whole = held
        kind = np.dtype(dtype).kind
        if kind not in _KINDS:
            raise ValueError("no tagged array")
        # Texts are as long as the longest: a forged type could claim any length, and so any memory.
        array = np.array([untag(item) for item in items], str if kind == "U" else dtype).reshape(shape)
        return array if whole else array[()]
    raise ValueError("no tagged value")
