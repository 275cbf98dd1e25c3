"""The usage of an answer whose API isn't one of the wires: images, transcriptions, rerank."""

from typing import Any, Final

import msgspec

from weir_wires.content import Usage
from weir_wires.usage import bedrock, gemini, messages, openai
from weir_wires.usage.counts import as_object

MAX_BODY: Final = 4 << 20  # bytes of an answer that is looked at; images in base64 exceed it
_DECODER: Final = msgspec.json.Decoder(dict[str, Any])


def usage_of_any(body: bytes) -> Usage | None:
    """What `body` says it took, in any family's words; None where it says nothing."""
    try:
        answer = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if "usageMetadata" in answer:
        return gemini.read(answer["usageMetadata"])
    usage = as_object(answer.get("usage"))
    if not usage:
        return None
    if "inputTokens" in usage:
        return bedrock.read(usage)
    if "cache_read_input_tokens" in usage or "cache_creation_input_tokens" in usage:
        return messages.read(usage)
    return openai.read(usage)
