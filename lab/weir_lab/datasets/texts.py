"""How prompts are compared: a canonical form, its fingerprint and its words."""

import re
import unicodedata
from collections.abc import Sequence
from hashlib import blake2b

_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"\w+")


def canonical(text: str) -> str:
    """The text without what a copy may change: compatibility forms, case, white space."""
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", text)).strip().casefold()


def fingerprint(text: str) -> bytes:
    """16 bytes, equal for texts that are equal in their canonical form."""
    encoded = canonical(text).encode("utf-8", "surrogatepass")
    return blake2b(encoded, digest_size=16).digest()


def words(text: str) -> Sequence[str]:
    """The words of the canonical form, in order; punctuation does not count."""
    return _WORD.findall(canonical(text))
