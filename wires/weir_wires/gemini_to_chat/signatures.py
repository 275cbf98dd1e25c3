"""Signatures of thoughts: Gemini's own, and where another provider's thoughts came from.

Gemini's wire has a signature on each part, in base64. Thoughts of a chat provider get Weir's mark
in that place, as on Anthropic's wire (decision 64); a call that no Gemini made gets Google's word
for that, so that the conversation can go on with a Gemini.
"""

import base64
import binascii
import re
from typing import Any, Final

import msgspec

from weir_wires.thinking import MARK, Origin, ReasoningField, mark, origin

NO_SIGNATURE: Final = "skip_thought_signature_validator"
_MARKED: Final = re.compile(rb'"d2Vpcj[A-Za-z0-9+/_-]')  # begins with the mark, in base64
_URL_SAFE: Final = str.maketrans("-_", "+/")
_TEXT, _DATA = "t", "d"  # before a signature, and before what its provider alone can read
_BODY: Final = msgspec.json.Decoder(dict[str, Any])


def marked(field: ReasoningField, *, signature: str = "", data: str = "") -> str:
    """The signature of a part with thoughts that came in `field`."""
    text = mark(field, f"{_DATA}{data}" if data else f"{_TEXT}{signature}")
    return base64.b64encode(text.encode("utf-8", "replace")).decode()


def came_from(signature: str | None) -> tuple[Origin, bool] | None:
    """Where thoughts came from, and whether what stands there is data; None: from a Gemini."""
    if not signature:
        return None
    try:
        text = binascii.a2b_base64(signature.translate(_URL_SAFE) + "==").decode()
    except (ValueError, UnicodeDecodeError):
        return None
    source = origin(text) if text.startswith(MARK) else None
    if source is None:
        return None
    return Origin(source.field, source.signature[1:]), source.signature[:1] == _DATA


def of_google(signature: str | None) -> dict[str, Any]:
    """`extra_content` for a signature of Gemini's own; empty for any other."""
    if not signature or signature.rstrip("=") == NO_SIGNATURE or came_from(signature) is not None:
        return {}
    return {"extra_content": {"google": {"thought_signature": signature}}}


def strip_foreign_thoughts(body: bytes) -> bytes:
    """A request of Gemini's without the thoughts that no Gemini had.

    The very same bytes come back where nothing is marked.
    """
    if _MARKED.search(body) is None:
        return body
    try:
        fields = _BODY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body
    for content in _list(fields.get("contents")):
        if isinstance(content, dict) and "parts" in content:
            content["parts"] = [part for part in _list(content["parts"]) if not _foreign(part)]
    return msgspec.json.encode(fields)


def _foreign(part: Any) -> bool:
    if not isinstance(part, dict):
        return False
    signature: object = part.get("thoughtSignature") or part.get("thought_signature")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - JSON of any shape
    return isinstance(signature, str) and came_from(signature) is not None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
