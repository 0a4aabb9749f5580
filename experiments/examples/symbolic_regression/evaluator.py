"""How far a formula is from noisy data; half of the points are kept from the score that counts, as a check."""

import importlib.util

import numpy as np

DRAWN = np.random.default_rng(7)
X = np.sort(DRAWN.uniform(-3, 3, 80))
Y = 1.7 * np.sin(1.3 * X) + 0.4 * X + DRAWN.normal(0, 0.1, X.size)
SEEN = np.arange(X.size) % 2 == 0


def evaluate(program_path):
    spec = importlib.util.spec_from_file_location("program", program_path)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    given = np.asarray(program.predict(X.tolist()), float)
    if given.shape != X.shape:
        return {"combined_score": float("nan")}
    error = np.clip(np.abs(given - Y), 0, 1e6)
    return {
        "combined_score": -float(np.sqrt(np.mean(error[SEEN] ** 2))),
        "held_out": -float(np.sqrt(np.mean(error[~SEEN] ** 2))),
    }
