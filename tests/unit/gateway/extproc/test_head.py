"""Heads are read whatever is in them."""

from hypothesis import given
from hypothesis import strategies as st

from weir_gateway.extproc.head import Head, head_of
from weir_proto.envoy.v3 import external_processor_pb2 as pb

NAMES = st.text(max_size=20)
VALUES = st.one_of(st.text(max_size=50), st.binary(max_size=50))


def message(*fields: tuple[str, str | bytes]) -> pb.HttpHeaders:
    values = [
        pb.HeaderValue(key=name, value=value)
        if isinstance(value, str)
        else pb.HeaderValue(key=name, raw_value=value)
        for name, value in fields
    ]
    return pb.HttpHeaders(headers=pb.HeaderMap(headers=values))


@given(st.lists(st.tuples(NAMES, VALUES), max_size=10))
def test_any_head_is_read(fields: list[tuple[str, str | bytes]]) -> None:
    head = head_of(message(*fields))
    assert not any(name.startswith(":") for name in head.headers)
    assert head.length >= 0
    assert head.request.path == head.path


def test_what_is_read() -> None:
    head = head_of(
        message(
            *((":method", "POST"), (":path", b"/v1/messages?key=a%20b&x=1")),
            *(("Content-Type", b"Application/JSON; charset=utf-8"), ("Content-Length", "12")),
            *(("accept", "a"), ("accept", "b"), ("content-encoding", " GZIP ")),
        )
    )
    assert (head.method, head.path) == ("POST", "/v1/messages")
    assert head.request.query == {"key": "a b", "x": "1"}
    assert (head.media_type, head.length, head.encoding) == ("application/json", 12, "gzip")
    assert head.headers["accept"] == "a, b"


def test_lengths_and_statuses_that_no_answer_has_are_none() -> None:
    for written in ("9" * 5000, "-1", "1.5", "²", ""):
        assert Head({"content-length": written}).length == 0
        assert head_of(message((":status", written))).status == 0
    assert head_of(message((":status", "429"))).status == 429
