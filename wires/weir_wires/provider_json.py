"""A provider's JSON, read with patience: one strict reader for translations, two tolerant ones.

A server that cuts its text into pieces without looking may cut a character beyond the basic plane
in two. Each half is then a lone surrogate, which is not valid in JSON's text and no reason to end
an answer.
"""

import re
from typing import Final, TypeVar

import msgspec

from weir_wires.errors import MalformedResponse

T = TypeVar("T")

_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair
    rb"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
_HALF: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def decode_strictly(decoder: "msgspec.json.Decoder[T]", data: bytes, what: str) -> T:
    """Decode `data`, with halves of characters as U+FFFD.

    Raises MalformedResponse, which says that the data is no `what`.
    """
    try:
        return _decode_mended(decoder, data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedResponse(f"what the provider sent is no {what}: {error}") from error


def decode_answer(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T | None:
    """Decode a whole answer; None where it is JSON of another form.

    Raises MalformedResponse where it is no JSON: it was cut off, or never was an answer.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedResponse(f"its answer is not JSON: {error}") from error


def decode_event(decoder: "msgspec.json.Decoder[T]", data: bytes) -> T | None:
    """Decode an event's data; None where it can't be decoded."""
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _decode_mended(decoder: "msgspec.json.Decoder[T]", data: bytes) -> T:
    try:
        return decoder.decode(data)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        if _HALF.search(data) is None:
            raise
    return decoder.decode(_ESCAPE.sub(_replace_half, data))


def _replace_half(match: "re.Match[bytes]") -> bytes:
    return match[0] if match["half"] is None else b"\\ufffd"
