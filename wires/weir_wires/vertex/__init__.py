"""Google's Vertex AI: Gemini, Claude and OpenAI's chat under one endpoint."""

from typing import Final

from weir_wires.spec import Platform, WireSpec
from weir_wires.vertex.claude import CLAUDE, COUNT_TOKENS
from weir_wires.wire import Wire

__all__ = ["VERTEX", "WIRES"]

WIRES: Final[tuple[WireSpec, ...]] = (CLAUDE, COUNT_TOKENS)
# An endpoint is `https://LOCATION-aiplatform.googleapis.com/v1/projects/PROJECT/locations/LOCATION`.
VERTEX: Final = Platform(
    protocol="vertex",
    usual=Wire.GOOGLE_GEMINI,
    paths={
        Wire.GOOGLE_GEMINI: "/publishers/google",
        Wire.GOOGLE_COUNT_TOKENS: "/publishers/google",
        Wire.OPENAI_CHAT: "/endpoints/openapi",
        CLAUDE.wire: "/publishers/anthropic",
        COUNT_TOKENS.wire: "/publishers/anthropic",
    },
    hosted={Wire.ANTHROPIC_MESSAGES: CLAUDE.wire},
)
