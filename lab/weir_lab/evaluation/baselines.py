"""The baselines of every table: prompt length, nearest neighbours, and the oracle.

The nearest neighbours use labels of the evaluated prompts, though never of their own fold. They
show what training on this traffic could reach; no router could have been trained so before it.
"""

import numpy as np
from numpy.typing import NDArray

from weir_lab.arrays import Doubles
from weir_lab.datasets import Pair

FOLDS = 10
NEIGHBOURS = 100
_TIE = 1e-9  # under any difference that recorded scores can have


def length_scores(pair: Pair) -> Doubles:
    """The prompt's length in characters."""
    return np.array([float(len(prompt)) for prompt in pair.prompts])


def oracle_scores(pair: Pair, seed: int) -> Doubles:
    """The true gain, with ties in random order: no ranking is better."""
    return gains(pair) + np.random.default_rng(seed).random(len(pair)) * _TIE


def gains(pair: Pair) -> Doubles:
    """The strong model's score less the weak one's, in [-1, 1]."""
    return pair.strong - pair.weak


def neighbour_scores(pair: Pair, vectors: Doubles, seed: int) -> Doubles:
    """The mean gain of the nearest prompts of the other folds, by cosine."""
    rng = np.random.default_rng(seed)
    fold = rng.permutation(len(pair)) % min(FOLDS, len(pair))
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = (vectors / np.maximum(norms, 1e-12)).astype(np.float32)
    gain = gains(pair)
    scores = np.zeros(len(pair))
    for k in range(int(fold.max()) + 1):
        mine, others = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
        if len(others):
            scores[mine] = _nearest_mean(unit[mine], unit[others], gain[others])
    return scores


def _nearest_mean(
    prompts: NDArray[np.float32], known: NDArray[np.float32], gain: Doubles
) -> Doubles:
    count = min(NEIGHBOURS, len(known))
    alike = prompts @ known.T
    nearest = np.argpartition(-alike, count - 1, axis=1)[:, :count]
    means: Doubles = gain[nearest].mean(axis=1)
    return means
