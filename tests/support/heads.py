"""Arrays of every kind of head over a few columns, random but seeded: for tests of arithmetic."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

COLUMNS = 6
RANK = 4
TIERS = 5

Arrays = Mapping[str, NDArray[np.generic]]


def rows(count: int, seed: int = 0) -> NDArray[np.float32]:
    """Rows of COLUMNS columns."""
    return np.random.default_rng([seed, 1]).normal(size=(count, COLUMNS)).astype(np.float32)


def head_arrays(kind: str, seed: int = 0, columns: int = COLUMNS) -> Arrays:
    """Arrays of a kind: knn, cluster, mf, sw_ranking, familiarity, or `qualities` of 3 models."""
    random = np.random.default_rng([seed, 2])
    space = {
        "mean": random.normal(size=columns).astype(np.float32),
        "project": (random.normal(size=(columns, RANK)) / columns**0.5).astype(np.float16),
    }
    line = {"slope": np.array(0.7, np.float32), "bias": np.array(-0.2, np.float32)}
    if kind == "knn":
        return {
            **space,
            **_table("prototypes", 40, random),
            "needs": random.normal(size=40).astype(np.float16),
            "weights": random.uniform(0.5, 3, 40).astype(np.float16),
            "neighbours": np.array(8, np.float32),
        }
    if kind == "mf":
        vectors = {
            name: random.normal(size=RANK).astype(np.float32)
            for name in ("output", "strong", "weak")
        }
        return {**space, **vectors, **line}
    if kind == "sw_ranking":
        return {
            **space,
            **_table("battles", 60, random),
            "first": random.integers(TIERS, size=60).astype(np.uint8),
            "second": random.integers(TIERS, size=60).astype(np.uint8),
            "wins": random.choice([0, 0.5, 1], 60).astype(np.float16),
            "tiers": np.array(TIERS, np.float32),
            "strong": np.array([4], np.uint8),
            "weak": np.array([0], np.uint8),
            **line,
        }
    if kind == "familiarity":
        knots = {"distance": 4.0, "need": 2.0, "score": 3.0, "disagreement": 1.0, "known": 3.0}
        return {
            **space,
            **_table("centres", 12, random),
            "needs": random.normal(size=12).astype(np.float32),
            "weights": random.uniform(0.5, 3, 12).astype(np.float32),
            "direction": random.normal(size=columns).astype(np.float32),
            "neighbours": np.array(4, np.float32),
            **{
                f"{name}_knots": np.linspace(-top, top, 21, dtype=np.float32)
                for name, top in knots.items()
            },
        }
    clusters = {**space, **_table("centres", 7, random), "sharpness": np.array(0.8, np.float32)}
    if kind == "cluster":
        return {**clusters, "needs": random.normal(size=7).astype(np.float32)}
    return {
        **clusters,
        "difficulty": random.normal(size=columns).astype(np.float32),
        "difficulty_bias": np.array(-0.25, np.float32),
        "models": random.normal(size=(3, 9)).astype(np.float16),
    }


def _table(name: str, count: int, random: np.random.Generator) -> Arrays:
    return {
        name: random.integers(-127, 128, (count, RANK)).astype(np.int8),
        f"{name}_scale": random.uniform(0.01, 0.02, RANK).astype(np.float32),
    }
