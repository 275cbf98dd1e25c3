"""A text made safe to read, and the two smallest blocks: its length, and a number from its hash."""

import hashlib
import unicodedata

import numpy as np
from numpy.typing import NDArray


def normalise(text: str, max_chars: int) -> str:
    """The first `max_chars` characters of `text` in NFKC, lone surrogates as "?", ends stripped."""
    head = text[:max_chars]
    if not head.isascii():
        head = head.encode("utf-8", "replace").decode("utf-8")
        head = unicodedata.normalize("NFKC", head)[:max_chars]
    return head.strip()


_UNIFORM_BITS = 24  # as many as a float32 holds exactly


def length(characters: int) -> NDArray[np.float32]:
    """One column: the logarithm of 1 + the number of characters."""
    return np.log1p(np.array([characters], dtype=np.float32))


def uniform(text: str, seed: int) -> NDArray[np.float32]:
    """One column in [0,1): uniform over texts, always the same for one text and seed."""
    key = seed.to_bytes(8, "little", signed=True)
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8, key=key).digest()
    bits = int.from_bytes(digest, "little") >> (64 - _UNIFORM_BITS)
    return np.array([bits / (1 << _UNIFORM_BITS)], dtype=np.float32)
