"""A logistic line through what happened: a number becomes a probability. Pure numpy."""

import numpy as np

from weir_lab.metrics.ranked import Floats

_STEPS = 100
_PULL = 1e-3  # a weak pull to 0, so that perfectly parted labels have a finite slope


def platt(values: Floats, happened: Floats) -> tuple[float, float]:
    """Slope and intercept of P(happened) = sigmoid(slope * value + intercept).

    A slope under 0 says that the values rank backwards.
    """
    centre, spread = float(values.mean()), max(float(values.std()), 1e-12)
    design = np.stack([(values - centre) / spread, np.ones_like(values)], axis=1)
    beta = np.zeros(2)
    for _ in range(_STEPS):
        expected = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        gradient = design.T @ (happened - expected) / len(values) - _PULL * beta
        curvature = (design * (expected * (1 - expected))[:, None]).T @ design / len(values)
        step = np.linalg.solve(curvature + _PULL * np.eye(2), gradient)
        beta = beta + np.clip(step, -2, 2)
    slope = float(beta[0]) / spread
    return slope, float(beta[1]) - slope * centre
