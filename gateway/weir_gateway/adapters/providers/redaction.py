"""Keeps a provider's key out of what the provider says: some repeat it when they refuse it.

Must not know wires.
"""

from typing import Final

from weir_gateway.adapters.providers.credentials import Secret

REDACTED: Final = b"[key]"
MIN_KEY_CHARS: Final = (
    8  # characters; a shorter one is no key, and would be found in ordinary words
)


def redact(secret: Secret | None, said: bytes) -> bytes:
    """`said` with every occurrence of the key replaced."""
    if secret is None:
        return said
    key = secret.reveal().strip().encode()
    return said.replace(key, REDACTED) if len(key) >= MIN_KEY_CHARS else said
