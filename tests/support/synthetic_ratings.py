"""A made-up world of rated decisions in which the truth about every threshold is known."""

from dataclasses import dataclass

import numpy as np

from weir_lab.arrays import Doubles
from weir_lab.metrics.offpolicy import Logged


@dataclass(frozen=True)
class World:
    """Scores are even in [0,1]; hard prompts cost the weak model more than the strong one."""

    threshold: float = 0.6
    band: float = 0.1
    share: float = 0.1

    def weak(self, score: Doubles) -> Doubles:
        """The chance that the weak model's answer is liked."""
        return 0.95 - 0.7 * score

    def strong(self, score: Doubles) -> Doubles:
        """The strong one's."""
        return 0.9 - 0.2 * score

    def truth(self, threshold: float) -> float:
        """The mean rating under a threshold, by integration."""
        score = (np.arange(200_000) + 0.5) / 200_000
        liked = np.where(score >= threshold, self.strong(score), self.weak(score))
        return float(liked.mean())

    def logged(self, size: int, seed: int) -> Logged:
        """What a gateway's ledger would hold after so many rated decisions."""
        rng = np.random.default_rng(seed)
        score = rng.random(size)
        usual = score >= self.threshold
        near = np.abs(score - self.threshold) <= self.band
        explored = near & (rng.random(size) < self.share)
        strong = usual ^ explored
        liked = np.where(strong, self.strong(score), self.weak(score))
        propensity = np.where(near, np.where(explored, self.share, 1 - self.share), 1.0)
        reward = (rng.random(size) < liked).astype(np.float64)
        return Logged(strong, explored, propensity, reward, score, np.ones(size))
