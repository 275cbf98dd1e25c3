"""Halves of characters in a provider's JSON."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_wires.errors import MalformedResponse
from weir_wires.provider_json import decode_strictly

TEXT = msgspec.json.Decoder(str)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (rb'"plain \u00e9"', "plain é"),
        (rb'"\ud83d\ude00"', "\U0001f600"),
        (rb'"a\ud83d"', "a\ufffd"),
        (rb'"\ude00b"', "\ufffdb"),
        (rb'"\ud83d\ud83d\ude00\uDE00"', "\ufffd\U0001f600\ufffd"),
        (rb'"\\ud83d \ud83d"', "\\ud83d \ufffd"),
        (rb'"\"\\\ud83d"', '"\\\ufffd'),
    ],
)
def test_half_characters_are_replaced(value: bytes, text: str) -> None:
    assert decode_strictly(TEXT, value, "text") == text


@given(st.text(st.characters(), max_size=12))
def test_any_text_is_read(text: str) -> None:
    mended = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert decode_strictly(TEXT, json.dumps(text).encode(), "text") == mended


@pytest.mark.parametrize("value", [rb'"\ud83d', b"1", b"", rb'"\ud83d" x'])
def test_malformed_json_is_refused(value: bytes) -> None:
    with pytest.raises(MalformedResponse, match="no text"):
        decode_strictly(TEXT, value, "text")
