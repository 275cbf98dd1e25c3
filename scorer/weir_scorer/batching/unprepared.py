"""Calls whose texts wait to be normalised and tokenised, a slice at a time, round and round.

A call of many texts gets one slice and goes to the back, so that small calls pass it. Pure.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from weir_scorer.batching.work import Call


class Slice(NamedTuple):
    """A run of one call's texts."""

    call: Call
    start: int
    stop: int

    @property
    def texts(self) -> Sequence[str]:
        """The texts themselves."""
        return self.call.texts[self.start : self.stop]


class Unprepared:
    """The queue in front of the tokeniser."""

    def __init__(self) -> None:
        self._calls: OrderedDict[Call, int] = OrderedDict()  # to the first text not yet taken

    def __bool__(self) -> bool:
        return bool(self._calls)

    def put(self, call: Call) -> None:
        """Queue all texts of `call`."""
        self._calls[call] = 0

    def discard(self, call: Call) -> None:
        """Forget what is left of `call`."""
        self._calls.pop(call, None)

    def take(self, texts: int) -> list[Slice]:
        """Remove and return at most `texts` texts of the lane that is first in line."""
        slices: list[Slice] = []
        while texts > 0 and self._calls:
            call, start = next(iter(self._calls.items()))
            if slices and call.lane != slices[0].call.lane:
                break
            stop = min(start + texts, len(call.texts))
            slices.append(Slice(call, start, stop))
            texts -= stop - start
            self._calls.pop(call)
            if stop < len(call.texts):
                self._calls[call] = stop
        return slices
