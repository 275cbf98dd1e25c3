"""Answers that are given again: what a policy allows, what is kept, how a look-up came out."""

from array import array
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite, sqrt
from operator import mul
from typing import Final

from weir_policy.ids import BackendId
from weir_policy.spec.cache import CacheScope
from weir_wires.content import Usage

OVERHEAD: Final = 512  # bytes an answer takes beside its own, about


@dataclass(frozen=True, slots=True)
class CacheRules:
    """What a policy says of its caches."""

    exact: float = 0.0  # seconds an answer is given again to the very same request; 0: not at all
    semantic: float = 0.0  # seconds it is to one that means the same; 0: not at all
    similarity: float = 1.0  # [0,1]: the least cosine between the two prompts' embeddings
    scope: CacheScope = CacheScope.KEY
    temperature: float = 0.0  # the highest of a request that takes part


class CacheState(StrEnum):
    """How the look-up came out; the same word in the header x-weir-cache."""

    OFF = "off"  # the policy has no cache
    BYPASS = "bypass"  # this request takes no part in it
    MISS = "miss"
    HIT = "hit"
    SEMANTIC = "semantic"  # a hit by meaning


@dataclass(frozen=True, slots=True)
class CachedResponse:
    """A whole answer as a client got it."""

    backend: BackendId  # who gave it
    headers: tuple[tuple[str, str], ...]  # names in lower case
    body: bytes  # of a stream: all its events
    usage: Usage  # what it took; estimated where the provider told none
    embedding: bytes = b""  # of the prompt; where it is found by meaning

    @property
    def size(self) -> int:
        """Bytes it takes in memory, about."""
        headers = sum(len(name) + len(value) for name, value in self.headers)
        return len(self.body) + len(self.embedding) + headers + OVERHEAD


@dataclass(frozen=True, slots=True)
class CacheLookup:
    """What the caches had for one request, and where its own answer is to be kept."""

    state: CacheState
    bypass_reason: str = ""  # of a bypass
    exact_key: bytes = b""  # the key; empty: neither looked up nor kept
    semantic_key: bytes = b""  # the key by meaning; empty: neither
    reads: bool = True  # False: the client wants a fresh answer, which is kept
    response: CachedResponse | None = None
    embedding: bytes = b""  # of the prompt, once it is known
    similarity: float | None = None  # of a hit by meaning

    @property
    def stores(self) -> bool:
        """Whether this request's own answer is to be kept."""
        return self.response is None and bool(self.exact_key or self.semantic_key)


NO_LOOKUP: Final = CacheLookup(CacheState.OFF)


def similarity(one: bytes, other: bytes) -> float:
    """The cosine of two embeddings (float32, in this machine's order); 0 where they don't fit."""
    a, b = array("f", one), array("f", other)
    if len(a) != len(b):
        return 0.0
    norms = sqrt(sum(map(mul, a, a))) * sqrt(sum(map(mul, b, b)))
    cosine = sum(map(mul, a, b)) / norms if norms else 0.0
    return cosine if isfinite(cosine) else 0.0  # what is no number is like nothing
