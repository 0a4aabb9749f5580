"""A formula for y, of x."""

import math


# EVOLVE-BLOCK-START
def formula(x):
    return x + math.sin(1.0)


# EVOLVE-BLOCK-END
def predict(xs):
    return [formula(x) for x in xs]
