"""Tokens as OpenAI's wire tells them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_gateway.adapters.openai_usage import TAIL, StreamTail, usage_of
from weir_gateway.domain.money import Usage

USAGE = (
    b'{"usage":{"prompt_tokens":11,"completion_tokens":5,'
    b'"prompt_tokens_details":{"cached_tokens":4}}}'
)


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        (USAGE, Usage(11, 5, cached_input=4)),
        (b'{"usage":{"prompt_tokens":3,"total_tokens":3}}', Usage(3, 0)),
        (b'{"usage":null}', None),
        (b"{}", None),
        (b'{"usage":"odd"}', None),
        (b"<html>", None),
        (b'{"usage":{"prompt_tokens":-3,"completion_tokens":-1}}', Usage(0, 0)),
        (
            b'{"usage":{"prompt_tokens":3,"prompt_tokens_details":{"cached_tokens":9}}}',
            Usage(3, 0, cached_input=3),
        ),
    ],
)
def test_usage_of_a_whole_answer(body: bytes, usage: Usage | None) -> None:
    assert usage_of(body) == usage


@given(st.lists(st.binary(max_size=300), max_size=200))
def test_the_tail_is_bounded_and_reads_anything(chunks: list[bytes]) -> None:
    tail = StreamTail()
    for chunk in chunks:
        tail.feed(chunk)
    tail.feed(b"\n\ndata: " + USAGE + b"\n\ndata: [DONE]\n\n")
    assert tail.read() == (Usage(11, 5, cached_input=4), True)
    assert sum(map(len, tail._chunks)) <= TAIL + max(map(len, chunks), default=0) + len(USAGE) + 64


@pytest.mark.parametrize(
    ("stream", "complete"),
    [
        (b"data: [DONE]\n\n", True),
        (b'data: {"choices":[{"finish_reason":"stop"}]}\n\n', True),
        (b'data: {"choices":[{"finish_reason":null}]}\n\n', False),
        (b": [DONE]\n\n", False),
        (b"", False),
    ],
)
def test_a_stream_says_whether_it_is_complete(stream: bytes, complete: bool) -> None:  # noqa: FBT001 - a table of cases
    tail = StreamTail()
    tail.feed(stream)
    assert tail.read() == (None, complete)
