"""Keeps a provider's key out of what the provider says: some repeat it when they refuse it.

Must not know wires.
"""

from typing import Final

from weir_gateway.adapters.providers.credentials import Secret

HIDDEN: Final = b"[key]"
LEAST: Final = 8  # characters; a shorter one is no key, and would be found in ordinary words


def without(secret: Secret | None, said: bytes) -> bytes:
    """`said` with every occurrence of the key replaced."""
    if secret is None:
        return said
    key = secret.reveal().strip().encode()
    return said.replace(key, HIDDEN) if len(key) >= LEAST else said
