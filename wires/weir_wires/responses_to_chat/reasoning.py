"""A chat message's reasoning, stored whole in a reasoning item's `encrypted_content`.

Clients give reasoning items back as they got them. What providers sign or expect back (thinking
blocks, reasoning details) has no place of its own in an item, so it travels in there. It is not
secret: the provider has just sent it to this client.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

import msgspec

MARK: Final = "weir:"
# The fields of chat messages in which providers put reasoning.
TEXT_FIELDS: Final = ("reasoning_content", "reasoning")
SIGNED_FIELDS: Final = ("thinking_blocks", "reasoning_details")
CALL_EXTRAS: Final = "tool_calls"  # what the provider wants back with its calls, by their ids

_FIELDS: Final = msgspec.json.Decoder(dict[str, Any])


def encode_reasoning(reasoning: Mapping[str, Any]) -> str:
    """`reasoning`, some of the four fields, as an `encrypted_content`."""
    return MARK + base64.b64encode(msgspec.json.encode(reasoning)).decode()


def decode_reasoning(encrypted: str | None) -> dict[str, Any] | None:
    """The fields as they were; None where Weir did not encode them."""
    if encrypted is None or not encrypted.startswith(MARK):
        return None
    try:
        fields = _FIELDS.decode(base64.b64decode(encrypted.removeprefix(MARK), validate=True))
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        return None
    texts = {name: fields[name] for name in TEXT_FIELDS if isinstance(fields.get(name), str)}
    lists = {name: fields[name] for name in SIGNED_FIELDS if isinstance(fields.get(name), list)}
    extras: Any = fields.get(CALL_EXTRAS)
    if not isinstance(extras, dict):
        return texts | lists
    calls: dict[str, Any] = extras  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
    known: dict[str, Any] = {id_: value for id_, value in calls.items() if isinstance(value, dict)}
    return texts | lists | {CALL_EXTRAS: known}
