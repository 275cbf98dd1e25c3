"""Each way of delivery answers every message of Envoy's, and gives it the whole new body."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_gateway.extproc.delivery import BodyMode, body_mode, deliver
from weir_gateway.extproc.replies import PIECE, Change
from weir_proto.envoy.v3 import external_processor_pb2 as pb

MODE = pb.ProcessingMode
PIECES = st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=5)
BODIES = st.one_of(st.none(), st.binary(max_size=50), st.just(b"x" * (3 * PIECE + 1)))


def change(body: bytes | None) -> Change:
    return Change({"x-weir-model": "strong"}, ("x-weir-key",), body, reroute=True)


@given(PIECES, BODIES, st.booleans())
def test_a_duplex_body_goes_back_whole(pieces: list[bytes], body: bytes | None, end: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    head, *sent = deliver(BodyMode.DUPLEX, change(body), pieces, end=end)
    assert head.request_headers.response.clear_route_cache
    streamed = [m.request_body.response.body_mutation.streamed_response for m in sent]
    assert b"".join(s.body for s in streamed) == (b"".join(pieces) if body is None else body)
    assert [s.end_of_stream for s in streamed] == [False] * (len(streamed) - 1) + [end]
    assert all(len(s.body) <= PIECE for s in streamed)


@given(PIECES, BODIES)
def test_pieces_that_wait_get_an_answer_each(pieces: list[bytes], body: bytes | None) -> None:
    for mode, before in ((BodyMode.AHEAD, 1), (BodyMode.LATE, 0)):
        sent = deliver(mode, change(body), pieces, end=True)[before:]
        assert len(sent) == len(pieces)
        if body is None:
            assert not any(m.request_body.response.HasField("body_mutation") for m in sent)
            continue
        mutations = [m.request_body.response.body_mutation for m in sent]
        assert mutations[0].body == body
        assert all(mutation.clear_body for mutation in mutations[1:])


@given(st.one_of(st.none(), st.binary(max_size=50)))
def test_a_buffered_bodys_length_is_told(body: bytes | None) -> None:
    (sent,) = deliver(BodyMode.BUFFERED, change(body), [b"old"], end=True)
    response = sent.request_body.response
    headers = {h.header.key: h.header.raw_value for h in response.header_mutation.set_headers}
    assert headers["x-weir-model"] == b"strong"
    assert list(response.header_mutation.remove_headers) == ["x-weir-key"]
    assert headers.get("content-length") == (None if body is None else str(len(body)).encode())


@pytest.mark.parametrize(
    ("mode", "ahead", "expected"),
    [
        (MODE.NONE, False, BodyMode.HEAD_ONLY),
        (MODE.BUFFERED, False, BodyMode.BUFFERED),
        (MODE.BUFFERED_PARTIAL, False, BodyMode.PARTIAL),
        (MODE.STREAMED, False, BodyMode.LATE),
        (MODE.STREAMED, True, BodyMode.AHEAD),
        (MODE.FULL_DUPLEX_STREAMED, False, BodyMode.DUPLEX),
        (MODE.GRPC, False, BodyMode.HEAD_ONLY),
    ],
)
def test_the_filter_tells_its_mode(
    mode: MODE.BodySendMode.ValueType, expected: BodyMode, *, ahead: bool
) -> None:
    config = pb.ProtocolConfiguration(
        request_body_mode=mode, send_body_without_waiting_for_header_response=ahead
    )
    assert body_mode(pb.ProcessingRequest(protocol_config=config)) is expected


def test_who_tells_no_mode_takes_the_body_back_in_pieces() -> None:
    assert body_mode(pb.ProcessingRequest()) is BodyMode.DUPLEX
