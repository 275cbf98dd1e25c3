"""How many texts may wait at once: the one bound that every caller shares, across bundle swaps."""

from weir_scorer.batching.errors import QueueFull


class Admission:
    """Counts the texts that were taken in and not yet started."""

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
        """Take `texts` in. Raises QueueFull, and then takes none."""
        if self._waiting + texts > self._bound:
            raise QueueFull(texts, self._waiting, self._bound)
        self._waiting += texts

    def release(self, texts: int) -> None:
        """`texts` were started or dropped."""
        self._waiting -= texts
