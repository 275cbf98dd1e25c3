"""Draw a turn against the choice, so that a claim about turns can be tested.

The draw is a hash of conversation and turn: a request that is sent again, or that comes to another
gateway, is drawn alike.
"""

import hashlib
from typing import Final

_ALL: Final = 2.0**64


def is_swapped(session: str, turn: int, share: float) -> bool:
    """Whether this turn is one of the `share` that go to the other model."""
    seed = f"{session}\n{turn}".encode()
    digest = hashlib.blake2b(seed, digest_size=8, person=b"weir-swap").digest()
    return int.from_bytes(digest, "big") / _ALL < share
