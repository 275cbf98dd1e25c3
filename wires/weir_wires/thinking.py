"""Where a thinking block came from, written into its signature (decision 64).

Anthropic's clients give thinking blocks back with the signature they got. Thinking that a chat
provider wrote has no signature of Anthropic's; ours says which field of the chat wire it belongs
to, and holds the provider's own signature, if it has one. Must not know either wire's shapes.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MARK: Final = "weir:"


class Field(StrEnum):
    """The fields of chat messages in which providers put reasoning."""

    REASONING_CONTENT = "reasoning_content"  # text
    REASONING = "reasoning"  # text
    THINKING_BLOCKS = "thinking_blocks"  # Anthropic's own blocks, signed
    REASONING_DETAILS = "reasoning_details"  # typed entries, perhaps signed or encrypted


@dataclass(frozen=True, slots=True)
class Origin:
    """The field a block came in, and the provider's signature or encrypted data."""

    field: Field
    signature: str


def mark(field: Field, signature: str = "") -> str:
    """The signature that our client sees."""
    return f"{MARK}{field}:{signature}"


def origin(signature: str) -> Origin | None:
    """Where a block came from; None where it is not of a chat provider."""
    if not signature.startswith(MARK):
        return None
    name, _, rest = signature.removeprefix(MARK).partition(":")
    try:
        return Origin(Field(name), rest)
    except ValueError:
        return None
