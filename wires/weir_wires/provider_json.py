"""A provider's JSON, read with patience for halves of characters. Must not know any one wire.

A server that cuts its text into pieces without looking may cut a character beyond the basic plane
in two: each half is then a lone surrogate, which is not valid in JSON's text and no reason to end
an answer.
"""

import re
from typing import Final, TypeVar

import msgspec

from weir_wires.translator import Unreadable

T = TypeVar("T")

_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair
    rb"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
_HALF: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def decoded(decoder: "msgspec.json.Decoder[T]", data: bytes, what: str) -> T:
    """`data` decoded; halves of characters become U+FFFD. Raises Unreadable: `what` it is not."""
    try:
        return _decoded(decoder, data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"what the provider sent is no {what}: {error}") from error


def _decoded(decoder: "msgspec.json.Decoder[T]", data: bytes) -> T:
    try:
        return decoder.decode(data)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        if _HALF.search(data) is None:
            raise
    return decoder.decode(_ESCAPE.sub(_mended, data))


def _mended(found: "re.Match[bytes]") -> bytes:
    return found[0] if found["half"] is None else b"\\ufffd"
