"""Google's wires: Gemini's generateContent and count of tokens, as the Gemini API speaks them."""

from typing import Final

from weir_wires.google.generate import COUNT_TOKENS, GENERATE
from weir_wires.spec import WireSpec

__all__ = ["WIRES"]

WIRES: Final[tuple[WireSpec, ...]] = (GENERATE, COUNT_TOKENS)
