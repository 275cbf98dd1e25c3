"""The texts of a test of good sense: every prompt as it is, and some amid much filler."""

from collections.abc import Sequence
from dataclasses import dataclass

from weir_lab.datasets.sense import PairKind, SenseChat, SensePair, Turns

FILLER_CHARS = 8000
_APART = "\n\n"


@dataclass(frozen=True, slots=True)
class SenseTest:
    """Pairs, and where they are given chats and filler texts."""

    pairs: tuple[SensePair, ...]
    chats: tuple[SenseChat, ...] = ()
    filler: tuple[str, ...] = ()

    @property
    def filled(self) -> tuple[SensePair, ...]:
        """The pairs that are asked after and before filler: there too, length must say nothing."""
        like = (pair for pair in self.pairs if pair.kind is PairKind.LIKE_LENGTH)
        return tuple(like) if self.filler else ()

    def texts(self) -> tuple[Turns, ...]:
        """What is to be scored: the bare prompts, those after and before filler, the chats."""
        after = _prompts(self.filled, [(self._passage(k) + _APART, "") for k in self._filled])
        before = _prompts(self.filled, [("", _APART + self._passage(k)) for k in self._filled])
        return (*self.bare(), *after, *before, *(chat.turns for chat in self.chats))

    def bare(self) -> tuple[Turns, ...]:
        """The easy and the hard prompt of each pair, by turns."""
        return _prompts(self.pairs, [("", "")] * len(self.pairs))

    @property
    def _filled(self) -> range:
        return range(len(self.filled))

    def _passage(self, index: int) -> str:
        text = self.filler[index % len(self.filler)] + "\n"
        return (text * (FILLER_CHARS // len(text) + 1))[:FILLER_CHARS]


def _prompts(pairs: Sequence[SensePair], around: Sequence[tuple[str, str]]) -> tuple[Turns, ...]:
    """Easy and hard by turns, each with its pair's text before and after the last user turn."""
    return tuple(
        (*turns[:-1], before + turns[-1] + after)
        for pair, (before, after) in zip(pairs, around, strict=True)
        for turns in (pair.easy, pair.hard)
    )
