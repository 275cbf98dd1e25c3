"""How large a batch may grow, and how many texts may wait at once."""

from dataclasses import dataclass

from weir_scorer.batching.errors import QueueFull


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """What one batch may hold, and how many are handed to the device ahead of time."""

    texts: int  # at most, in one batch
    tokens: int  # at most, padding included; one text that is longer goes alone
    padding: float  # share of a batch's tokens that may be padding for want of like lengths, [0,1)
    in_flight: int  # batches handed to the device at once; all but the first are full

    def __post_init__(self) -> None:
        if min(self.texts, self.tokens, self.in_flight) < 1 or not 0 <= self.padding < 1:
            raise ValueError(f"limits of a batch must be positive: {self}")


# On a CPU core batching gains little, and every text of a batch waits for the last one.
CPU_LIMITS = BatchLimits(texts=16, tokens=4096, padding=0.25, in_flight=1)
# A GPU's time hardly depends on the batch size: fill it, and keep the next full one ready.
GPU_LIMITS = BatchLimits(texts=256, tokens=65536, padding=0.5, in_flight=2)


class AdmissionLimit:
    """The one bound on waiting texts that all callers share, across bundle swaps."""

    def __init__(self, bound: int) -> None:
        """`bound` is in texts, at least 1."""
        if bound < 1:
            raise ValueError("the queue's bound must be at least one text")
        self._bound = bound
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """Texts that wait now, in [0, bound]."""
        return self._waiting

    def admit(self, texts: int) -> None:
        """Admit all `texts`. Raises QueueFull and admits none where they do not fit."""
        if self._waiting + texts > self._bound:
            raise QueueFull(texts, self._waiting, self._bound)
        self._waiting += texts

    def release(self, texts: int) -> None:
        """Count `texts` as started or dropped."""
        self._waiting -= texts
