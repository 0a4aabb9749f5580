"""Combinations of two or three steps that belong together more often than chance would pair them."""

from __future__ import annotations

from soar.tasks.gym import inputs as i
from soar.tasks.gym import parts as q
from soar.tasks.gym import patterns as p
from soar.tasks.gym import shapes as s
from soar.tasks.gym.grammar import Family as F


# fmt: off
def _then(first: str, *then: str) -> tuple[str, ...]:
    return tuple(f"x = {first}\n{step}" for step in then)


COMBINED = (
    F("clean_crop", _then("remove_small($)", "crop(x)", "largest(x)", "paint(x, {b})"), s.lone_spots, 1.2),
    F("color_crop", _then("keep_color($, {a})", "crop(x)", "mirror_h(crop(x))", "fill_holes(x, {b})"), s.two_tone, 1),
    F("rare_crop", _then("keep_color($, least_common($))", "crop(x)", "fill_rows(x)"), s.shapes, 0.8),
    F("largest_inside", _then("largest($)", "trim(x)", "flip_h(x)", "rot180(x)", "invert(x)", "fill_bg(x, {b})"),
      s.shapes, 1.5),
    F("largest_full", ("largest($, multi=True)", "trim(largest($, multi=True))", "flip_h(largest($, multi=True))"),
      s.two_tone, 1),
    F("key_color", ("paint(largest($), least_common($))", "paint($, least_common($))", "pick($, least_common($))"),
      s.one_marked, 1.2),
    F("crop_scale", _then("crop($)", "scale(x, {k})", "mirror_h(x)", "mirror_v(x)", "tile(x, 1, 2)", "tile(x, 2, 1)",
                          "flip_h(x)", "hstack(x, x, x)", "mirror4(x)"), s.one_shape, 1.5, 0, 1.5),
    F("crop_downscale", _then("crop($)", "downscale(x, {k})"), s.blown_up, 1),
    F("crop_kron", _then("crop($)", "kron_self(x)", "kron_inv(x)"), s.small_in_large, 0.8),
    F("fill_keep", _then("fill_holes($, {b})", "keep_color(x, {b})", "crop(keep_color(x, {b}))"), s.rings, 0.8),
    F("connect_fill", _then("connect($)", "fill_holes(x, {b})"), s.corner_points, 1),
    F("connect_inner", _then("connect($, {b})", "fill_holes(x, {b2})"), s.corner_points, 0.6),
    F("rays_h", ("ray(ray($, {a}, 0, 1), {a}, 0, -1)", "ray(ray($, {a}, 0, 1, {b}), {a}, 0, -1, {b})"), i.dots_a, 0.8),
    F("rays_v", ("ray(ray($, {a}, 1, 0), {a}, -1, 0)", "ray(ray($, {a}, 1, 0, {b}), {a}, -1, 0, {b})"), i.dots_a, 0.8),
    F("rays_x", ("beam(beam($, {a}, 1, 1), {a}, -1, -1)", "beam(beam($, {a}, 1, -1), {a}, -1, 1)",
                 "beam(beam($, {a}, -1, -1), {a}, -1, 1)", "beam(beam($, {a}, 1, -1), {a}, 1, 1)"), i.dots_a, 1),
    F("all_rays", _then("rays($, 0, 1)", "rays(x, 1, 0)", "rays(x, 0, -1)"), i.dots, 0.6),
    F("lines_halo", _then("row_lines($, {a})", "halo(x, {b})"), i.dots_a, 0.4),
    F("repeat_paint", _then("repeat_down($)", "recolor(x, {a}, {b})", "paint(x, {b})"), i.rows_prefix, 1),
    F("extend_paint", _then("extend_down($, len($) // 2)", "paint(x, {b})", "recolor(x, {a}, {b})"), i.binary_tiled, 1,
      0, 1.5),
    F("split_order", tuple(f"x, y, z = split($)\noverlay({order})" for order in
                           ("x, z, y", "y, x, z", "y, z, x", "z, x, y")), q.lined_three, 1, 0, 0.4, low=2),
    F("split_fold", ("x, y = split($)\noverlay(x, flip_h(y))", "x, y = split($)\nhstack(x, flip_h(x))",
                     "x, y = split($)\nhstack(y, x)", "x, y = split($)\nvstack(y, x)"), q.lined, 0.8, 0, 0.5, low=2),
    F("split_same", ("x, y = split($)\nnp.full((1, 1), {b} if (x == y).all() else {b2})",), q.lined_alike, 0.6, 0,
      0.1, low=2),
    F("logic_scale", tuple(f"x, y = split($)\nscale({op}(x, y, {{b}}), 2)" for op in ("and_", "or_", "xor")),
      q.lined, 0.5, 0, 2, low=2),
    F("summary_paint", _then("summary($)", "paint(x, {b})", "scale(x, 2)", "recolor(x, {a}, {b})"), q.lattice, 0.8, 0,
      0.5, low=2),
    F("grid_symmetry", _then("sym4($)", "recolor(x, {a}, {b})"), i.sparse, 0.5),
    F("turned_union", ("overlay($, rot90($))", "overlay($, flip_h($), flip_v($), rot180($))"), i.square_sparse, 0.5),
    F("frame_twice", ("frame(frame($, {b}), {b2})", "frame(mirror4($), {b})", "frame($, most_common($))"),
      p.flat, 1, 0, 3, low=2, high=8),
    F("frame_all", _then("halo($, {b})", "edge(x, {b2})", "fill_bg(x, {b2})"), s.rects, 0.6),
    F("holes_split", _then("fill_squares($, {b})", "fill_holes(x, {b2})"), s.squares, 0.8),
    F("two_sizes", _then("color_largest($, {b})", "color_smallest(x, {b2})"), s.shapes_a, 0.6),
    F("rest", _then("color_largest($, {b})", "recolor(x, {a}, {b2})"), s.shapes_a, 1),
    F("keep_rest", _then("color_closed($, {b})", "recolor(x, {a}, {b2})", "keep_color(x, {b})"), s.rings, 0.6),
    F("sort_down", _then("fall_down($)", "sort_cols(x)", "sort_cols(x)[:, ::-1]"), i.sparse, 0.5),
    F("sides_swap", ("hstack(right_half($), left_half($))", "vstack(bottom_half($), top_half($))"), i.full, 0.5),
    F("quarters_best", ("fullest(quadrants($))", "emptiest(quadrants($))", "most_colorful(quadrants($))",
                        "odd_part(quadrants($))"), q.quarters, 0.8, 0, 0.3, low=2),
    F("checker_join", ("vstack(hstack($, invert($)), hstack(invert($), $))", "hstack($, invert($))",
                       "vstack($, invert($))", "vstack(invert($), $)"), i.mono, 1, 0, 3, low=2, high=7),
    F("tile_spaced", ("tile(frame($, 0), {k}, {k})", "tile(spread($), {k}, 1)"), p.flat, 0.4, 0, 9, low=2, high=4),
    F("kron_colors", ("np.kron(invert($) != 0, $)", "kron_self(invert($))", "paint(kron_self($), {b})"), i.mono, 0.7, 0,
      9, low=2, high=4),
    F("scale_cells", ("scale($, n_cells($))", "tile($, n_cells($), n_cells($))"), i.few_cells, 0.8, 0, 9,
      low=2, high=3),
    F("count_row", ("bar(n_objects($, diag=False), {b}, 5)", "bar(len(split($)), {b})",
                    "diag_bar(n_objects($, diag=False), {b})"), s.small_shapes, 0.6),
    F("object_colors", ("color_list($)[:1]", "color_list($)[-1:]", "scale(color_list($), 2)",
                        "mirror_h(color_list($))"),
      p.mixed, 0.8),
)
