"""A provider's JSON, read with patience: one strict reader for translations, two tolerant ones.

A server that cuts its text into pieces without looking may cut a character beyond the basic plane
in two. Each half is then a lone surrogate, which is not valid in JSON's text and no reason to end
an answer.
"""

import json
import math
import re
from typing import Any, Final, TypeVar

import msgspec

from weir_wires.errors import MalformedResponse, Untranslatable
from weir_wires.lenient import Object, object_of

T = TypeVar("T")

_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair
    rb"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
_ANY: Final = msgspec.json.Decoder(Any)


def decode_strictly(decoder: "msgspec.json.Decoder[T]", data: bytes, what: str) -> T:
    """Decode `data`, mended where it is no valid JSON.

    Raises MalformedResponse, which says that the data is no `what`.
    """
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        raise _is_no(what, error) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        mended = mend(data, what)
    try:
        return decoder.decode(mended)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _is_no(what, error) from error


def mended_object(data: bytes, what: str) -> Object:
    """The fields of an object, without its nulls; all of it is valid JSON.

    Raises MalformedResponse where `data` is no JSON, Untranslatable where it is no object.
    """
    mended = mend(data, what)
    if not mended.lstrip().startswith(b"{"):
        raise Untranslatable(f"what the provider sent is no {what}: it is no JSON object")
    return object_of(msgspec.Raw(mended.strip()))


def mend(data: bytes, what: str) -> bytes:
    """`data` as valid JSON.

    Bytes that are no UTF-8 and halves of characters become U+FFFD; line breaks within a text and
    numbers that JSON doesn't have are taken as Python's own reader takes them.

    Raises MalformedResponse, which says that the data is no `what`.
    """
    if _valid(data):
        return data
    text = data.decode("utf-8", "replace").removeprefix("\ufeff")
    mended = _ESCAPE.sub(_replace_half, text.encode())
    if _valid(mended):
        return mended
    try:
        value = json.loads(mended, strict=False, parse_constant=lambda _: None, parse_float=_finite)
        return msgspec.json.encode(value)
    except (ValueError, RecursionError) as error:
        raise _is_no(what, error) from error


def decode_answer(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T | None:
    """Decode a whole answer; None where it is JSON of another form.

    Raises MalformedResponse where it is no JSON: it was cut off, or never was an answer.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        mended = mend(body, "JSON")
    try:
        return decoder.decode(mended)
    except msgspec.ValidationError:
        return None


def decode_event(decoder: "msgspec.json.Decoder[T]", data: bytes) -> T | None:
    """Decode an event's data; None where it can't be decoded."""
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _valid(data: bytes) -> bool:
    try:
        _ANY.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _finite(written: str) -> float | None:
    number = float(written)
    return number if math.isfinite(number) else None


def _replace_half(match: "re.Match[bytes]") -> bytes:
    return match[0] if match["half"] is None else b"\\ufffd"


def _is_no(what: str, error: Exception) -> MalformedResponse:
    kind = Untranslatable if isinstance(error, msgspec.ValidationError) else MalformedResponse
    return kind(f"what the provider sent is no {what}: {error}")
