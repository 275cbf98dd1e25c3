"""Tokens of one answer, whatever the wire."""

from dataclasses import dataclass
from typing import Final

MAX_TOKENS: Final = 10**9  # of one answer; a provider that reports more reports nonsense


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer as the provider counted them.

    `input` counts every prompt token, the cached and the cache-written ones among them.
    """

    input: int
    output: int
    cached_input: int = 0
    cache_write: int = 0


def bounded(tokens: int | None) -> int:
    """A provider's count within [0, MAX_TOKENS]; 0 where it reports none."""
    return min(max(tokens or 0, 0), MAX_TOKENS)
