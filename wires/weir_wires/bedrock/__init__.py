"""Amazon Bedrock's wires."""

from typing import Final

from weir_wires.bedrock.converse import CONVERSE
from weir_wires.bedrock.invoke import INVOKE
from weir_wires.spec import Platform, WireSpec
from weir_wires.wire import Wire

__all__ = ["BEDROCK", "WIRES"]

WIRES: Final[tuple[WireSpec, ...]] = (CONVERSE, INVOKE)
# An endpoint is `https://bedrock-runtime.REGION.amazonaws.com`.
BEDROCK: Final = Platform(
    protocol="bedrock",
    usual=CONVERSE.wire,
    paths={Wire.OPENAI_CHAT: "/openai/v1", Wire.OPENAI_RESPONSES: "/openai/v1"},
    hosted={Wire.ANTHROPIC_MESSAGES: INVOKE.wire},
)
