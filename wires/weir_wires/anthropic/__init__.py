"""Anthropic's wires: messages, and the count of a prompt's tokens."""

from typing import Final

from weir_wires.anthropic.messages import COUNT_TOKENS, MESSAGES
from weir_wires.spec import WireSpec

__all__ = ["WIRES"]

WIRES: Final[tuple[WireSpec, ...]] = (MESSAGES, COUNT_TOKENS)
