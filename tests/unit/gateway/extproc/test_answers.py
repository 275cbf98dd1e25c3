"""What an answer cost is read as it passes, however it is cut, packed or broken."""

import gzip
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.upstream import END, USAGE_EVENT, completion, event
from weir_gateway.extproc.answers import GONE, MAX_WHOLE, UNSEEN, AnswerEnd, AnswerMeter
from weir_gateway.extproc.head import Head
from weir_wires.content import Usage
from weir_wires.registry import WIRES
from weir_wires.wire import Wire

CHAT = WIRES[Wire.OPENAI_CHAT]
JSON = {"content-type": "application/json"}
STREAM = {"content-type": "text/event-stream"}
EVENTS = b"".join([event("a"), event("b"), USAGE_EVENT, END])


def meter(headers: dict[str, str], *pieces: bytes, status: int = 200) -> AnswerMeter:
    made = AnswerMeter(CHAT, body_comes=True)
    made.head(Head(headers, status=status))
    for piece in pieces:
        made.feed(piece)
    made.ended = True
    return made


def cut_up(body: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    return [body[start:end] for start, end in pairwise(edges)]


@given(st.lists(st.integers(min_value=0), max_size=8), st.booleans())
def test_usage_is_read_however_the_answer_is_cut(places: list[int], packed: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    packing = {"content-encoding": "gzip"} if packed else {}
    for headers, body, usage in (
        (JSON, completion(prompt=1000, output=500), Usage(1000, 500)),
        (STREAM, EVENTS, Usage(11, 5, 4)),
    ):
        sent = gzip.compress(body) if packed else body
        end = meter({**headers, **packing}, *cut_up(sent, places)).end()
        assert (end.status, end.usage, end.error, end.written) == (200, usage, "", 0)


def test_a_stream_that_breaks_is_estimated_from_what_was_written() -> None:
    made = meter(STREAM, event("word " * 100))
    made.ended = False
    end = made.end()
    assert (end.status, end.error, end.usage) == (499, "client_gone", None)
    assert end.written > 50


@pytest.mark.parametrize(("status", "error"), [(400, ""), (429, ""), (500, "upstream_error")])
def test_errors_cost_nothing(status: int, error: str) -> None:
    assert meter(JSON, b"{}", status=status).end() == AnswerEnd(status, error=error)


def test_what_was_not_seen() -> None:
    assert AnswerMeter(CHAT, body_comes=False).end() == UNSEEN
    assert AnswerMeter(CHAT, body_comes=True).end() == GONE


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b"x" * (MAX_WHOLE + 1)])
def test_an_answer_that_cannot_be_read_has_no_usage(body: bytes) -> None:
    end = meter(JSON, body).end()
    assert (end.status, end.usage) == (200, None)


def test_garbage_that_claims_to_be_packed_is_let_go() -> None:
    made = meter({**JSON, "content-encoding": "br"}, b"no brotli", b"at all")
    assert made.end().usage is None
