"""Plausible wrong programs near a right one: a constant, a function or a step is wrong."""

from __future__ import annotations

import random
import re

from soar.tasks.gym.grammar import render

NUMBER = re.compile(r"(?<![\w.])\d+")
_CALL = re.compile(r"[a-z_]\w*(?=\()")

# Functions of one signature that a wrong program may take for each other.
_SIBLINGS = tuple(
    group.split()
    for group in (
        "flip_h flip_v rot90 rot180 rot270 transpose anti_transpose",
        "mirror_h mirror_v mirror4 rot4",
        "top_half bottom_half left_half right_half",
        "fall_down fall_up fall_left fall_right",
        "sort_rows sort_cols",
        "most_common least_common background",
        "and_ or_ xor nor minus",
        "largest smallest tallest widest",
        "keep_largest keep_smallest remove_largest",
        "color_largest color_smallest",
        "halo halo4",
        "grow grow4",
        "around plus diag4",
        "cross cross_x row_lines col_lines",
        "connect_h connect_v connect",
        "inner edge border",
        "fill_holes fill_outside fill_squares boxes",
        "hstack vstack",
        "fill_rows fill_cols",
        "ray beam",
        "sym_h sym_v sym4 complete",
        "fullest emptiest",
        "odd_part common_part odd_shape",
        "repeat_down repeat_right",
        "extend_down extend_right",
        "kron_self kron_inv",
        "keep_color remove_color",
        "split_h split_v",
        "unique_rows unique_cols compress",
        "remove_border keep_border",
        "roll shift",
        "diagonal anti_diagonal",
        "tile tile_flip tile_mirror",
        "flip_objects_h flip_objects_v",
        "paint fill_bg",
        "n_colors n_objects n_cells",
        "color_closed color_border color_symmetric color_tall",
        "symmetric_part asymmetric_part",
        "recolor swap",
    )
)
_SIBLING = {name: [other for other in group if other != name] for group in _SIBLINGS for name in group}


def changed(rng: random.Random, body: str, at: re.Match[str]) -> str:
    """The body with another number at a place that `NUMBER` found."""
    value = int(at[0])
    options = [other for other in range(0 if value < 3 else 1, 10) if other != value]
    near = [other for other in options if abs(other - value) == 1]
    return body[: at.start()] + str(rng.choice(near if rng.random() < 0.5 else options)) + body[at.end() :]


def broken(rng: random.Random, steps: list[str], body: str, extra: str) -> str:
    """A wrong neighbour of the program with these steps and this body; `extra` is a step that might be too many."""
    kind = rng.random()
    numbers = list(NUMBER.finditer(body))
    names = [at for at in _CALL.finditer(body) if at[0] in _SIBLING]
    if kind < 0.3 and numbers:
        return changed(rng, body, rng.choice(numbers))
    if kind < 0.7 and names:
        at = rng.choice(names)
        return body[: at.start()] + rng.choice(_SIBLING[at[0]]) + body[at.end() :]
    if kind < 0.85 and len(steps) > 1:
        drop = rng.randrange(len(steps))
        return render(steps[:drop] + steps[drop + 1 :])
    if kind < 0.9 and len(steps) > 1:
        return render([steps[1], steps[0], *steps[2:]])
    place = rng.randint("grid" in extra, len(steps))
    return render([*steps[:place], extra, *steps[place:]][:3])
