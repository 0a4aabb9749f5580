"""26 circles in the unit square: where their centres are, and how large they can then be."""

import numpy as np


# EVOLVE-BLOCK-START
def centres():
    """Centres, drawn at random once: a poor start."""
    return [
        [0.61, 0.72],
        [0.77, 0.9],
        [0.72, 0.88],
        [0.08, 0.47],
        [0.9, 0.63],
        [0.86, 0.15],
        [0.47, 0.27],
        [0.54, 0.57],
        [0.06, 0.25],
        [0.3, 0.87],
        [0.74, 0.19],
        [0.77, 0.17],
        [0.61, 0.16],
        [0.05, 0.83],
        [0.24, 0.24],
        [0.93, 0.84],
        [0.31, 0.92],
        [0.54, 0.66],
        [0.23, 0.9],
        [0.67, 0.92],
        [0.85, 0.32],
        [0.38, 0.2],
        [0.18, 0.11],
        [0.32, 0.59],
        [0.05, 0.66],
        [0.35, 0.33],
    ]


# EVOLVE-BLOCK-END
def radii(points):
    """Radii that grow in turn, each by a share of what its neighbours and the walls leave."""
    walls = np.minimum(points, 1 - points).min(axis=1)
    apart = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1)) + np.eye(len(points)) * 9
    made = np.zeros(len(points))
    for share in [0.3, 0.6, 1.0]:
        for i in range(len(points)):
            room = min(walls[i], (apart[i] - made).min())
            made[i] = made[i] + share * max(0.0, room - made[i])
    return made


def run_packing():
    """Return centres (26, 2), radii (26,), and the sum of the radii."""
    points = np.clip(np.array(centres()), 0.0, 1.0)
    made = radii(points)
    return points, made, float(made.sum())
