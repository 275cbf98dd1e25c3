"""Anthropic's count of a prompt's tokens: messages' rules, at a path of its own, and no usage."""

from dataclasses import replace
from typing import Any, Final

import msgspec

from weir_wires.anthropic_messages import ANTHROPIC_MESSAGES
from weir_wires.provider_json import decode_answer
from weir_wires.wire import Wire

_DECODER: Final = msgspec.json.Decoder(dict[str, Any])


def no_usage(body: bytes) -> None:
    """Counting is free. Raises MalformedResponse where the answer is no JSON."""
    decode_answer(_DECODER, body)


ANTHROPIC_COUNT_TOKENS: Final = replace(
    ANTHROPIC_MESSAGES,
    wire=Wire.ANTHROPIC_COUNT_TOKENS,
    path="/messages/count_tokens",
    usage=no_usage,
)
