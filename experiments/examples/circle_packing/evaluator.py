"""The sum of the radii of 26 circles that lie in the unit square and do not overlap."""

import importlib.util

import numpy as np

CIRCLES = 26
SLACK = 1e-9


def evaluate(program_path):
    spec = importlib.util.spec_from_file_location("program", program_path)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    centres, radii, _ = program.run_packing()
    fault = fault_of(np.asarray(centres, float), np.asarray(radii, float))
    if fault:
        return {"combined_score": 0.0, "valid": 0.0, "feedback": fault}
    return {"combined_score": float(np.sum(radii)), "valid": 1.0}


def fault_of(centres, radii):
    """Why this is no packing; None where it is one."""
    if centres.shape != (CIRCLES, 2) or radii.shape != (CIRCLES,):
        return f"shapes {centres.shape} and {radii.shape}: (26, 2) and (26,) are wanted"
    if not (np.isfinite(centres).all() and np.isfinite(radii).all() and (radii >= 0).all()):
        return "a number is not finite, or a radius negative"
    if (centres - radii[:, None] < -SLACK).any() or (centres + radii[:, None] > 1 + SLACK).any():
        return "a circle leaves the square"
    for i in range(CIRCLES):
        for j in range(i):
            if np.hypot(*(centres[i] - centres[j])) < radii[i] + radii[j] - SLACK:
                return f"circles {j} and {i} overlap"
    return None
