"""OpenAI's wires: chat completions, responses, legacy completions and embeddings."""

from typing import Final

from weir_wires.openai.chat import CHAT, COMPLETIONS, EMBEDDINGS
from weir_wires.openai.responses import RESPONSES
from weir_wires.spec import WireSpec

__all__ = ["WIRES"]

WIRES: Final[tuple[WireSpec, ...]] = (CHAT, RESPONSES, COMPLETIONS, EMBEDDINGS)
