"""How large a batch may grow, and how much may wait. Values only."""

from dataclasses import dataclass


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


# On a CPU core a batch buys next to nothing and everyone in it waits for its last text.
CPU_LIMITS = BatchLimits(texts=16, tokens=4096, padding=0.25, in_flight=1)
# A GPU's time hardly depends on the batch: fill it, and have the next full one ready.
GPU_LIMITS = BatchLimits(texts=256, tokens=65536, padding=0.5, in_flight=2)
