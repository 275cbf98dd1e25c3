"""Google's wire: Gemini's generateContent, as the Gemini API and Vertex speak it."""

from typing import Final

from weir_wires.google.generate import GENERATE
from weir_wires.spec import WireSpec

__all__ = ["WIRES"]

WIRES: Final[tuple[WireSpec, ...]] = (GENERATE,)
