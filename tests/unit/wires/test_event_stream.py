"""AWS event streams, read in pieces cut anywhere; botocore's decoder reads what we write."""

import itertools
import json
import struct
import zlib

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from weir_wires import event_stream
from weir_wires.error_reading import with_code
from weir_wires.errors import MalformedResponse
from weir_wires.event import MAX_EVENT, Event, EventTooLarge
from weir_wires.event_stream import EXCEPTION, EventStreamReader

NAME = st.text("abcdefXYZ", min_size=1, max_size=12)
MESSAGES = st.lists(st.tuples(NAME, st.binary(max_size=60), st.booleans()), max_size=5)


def read(pieces: list[bytes]) -> list[Event]:
    reader = EventStreamReader()
    events = [event for piece in pieces for event in reader.feed(piece)]
    return [*events, *reader.rest()]


def message(headers: bytes, payload: bytes) -> bytes:
    lengths = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    head = lengths + struct.pack("!I", zlib.crc32(lengths)) + headers + payload
    return head + struct.pack("!I", zlib.crc32(head))


def header(name: str, kind: int, value: bytes) -> bytes:
    return bytes((len(name),)) + name.encode() + bytes((kind,)) + value


def text(name: str, value: str) -> bytes:
    return header(name, 7, struct.pack("!H", len(value)) + value.encode())


def written(messages: list[tuple[str, bytes, bool]]) -> bytes:
    return b"".join(
        event_stream.write_exception(payload, name) if failed else event_stream.write(payload, name)
        for name, payload, failed in messages
    )


def expected(messages: list[tuple[str, bytes, bool]]) -> list[Event]:
    return [
        Event((EXCEPTION if failed else "") + name, with_code(payload, name) if failed else payload)
        for name, payload, failed in messages
    ]


@given(MESSAGES, st.data())
def test_pieces_cut_anywhere_give_the_same_events(
    messages: list[tuple[str, bytes, bool]], data: st.DataObject
) -> None:
    stream = written(messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[a:b] for a, b in itertools.pairwise([0, *cuts, len(stream)])]
    assert read(pieces) == expected(messages)


@given(MESSAGES)
def test_byte_by_byte(messages: list[tuple[str, bytes, bool]]) -> None:
    assert read([bytes([byte]) for byte in written(messages)]) == expected(messages)


def test_cut_in_two_at_every_byte() -> None:
    messages = [("messageStart", b'{"role":"assistant"}', False), ("x", b"", True)]
    stream = written(messages)
    for at in range(len(stream) + 1):
        assert read([stream[:at], stream[at:]]) == expected(messages)


@given(MESSAGES)
def test_botocore_reads_what_is_written(messages: list[tuple[str, bytes, bool]]) -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(written(messages))
    got = [m.to_response_dict() for m in buffer]
    assert [(message["headers"], message["body"]) for message in got] == [
        (_headers("exception" if failed else "event", name), payload)
        for name, payload, failed in messages
    ]


def _headers(kind: str, name: str) -> dict[str, str]:
    return {
        ":message-type": kind,
        f":{kind}-type": name,
        ":content-type": "application/json",
    }


def test_headers_of_every_type_are_read_over() -> None:
    headers = b"".join(
        (
            header("a", 0, b""),
            header("b", 1, b""),
            header("c", 2, b"\x01"),
            header("d", 3, b"\x01\x02"),
            header("e", 4, b"\x01\x02\x03\x04"),
            header("f", 5, bytes(8)),
            header("g", 6, b"\x00\x03abc"),
            header("h", 8, bytes(8)),
            header("i", 9, bytes(16)),
            text(":event-type", "chunk"),
        )
    )
    assert read([message(headers, b"{}")]) == [Event("chunk", b"{}")]


def test_an_error_message_has_its_words_in_its_headers() -> None:
    headers = (
        text(":message-type", "error")
        + text(":error-code", "InternalFailure")
        + text(":error-message", "no luck")
    )
    (event,) = read([message(headers, b"")])
    assert event.name == EXCEPTION + "InternalFailure"
    assert json.loads(event.data) == {"__type": "InternalFailure", "message": "no luck"}


def test_any_byte_that_changes_is_noticed() -> None:
    stream = event_stream.write(b'{"role":"assistant"}', "messageStart")
    for at in range(len(stream)):
        changed = bytearray(stream)
        changed[at] ^= 0x10
        with pytest.raises((MalformedResponse, EventTooLarge)):
            read([bytes(changed)])


def test_a_stream_that_ends_within_a_message_is_no_whole_one() -> None:
    stream = event_stream.write(b"{}", "messageStart")
    for at in range(1, len(stream)):
        with pytest.raises(MalformedResponse):
            read([stream[:at]])


@pytest.mark.parametrize(
    "headers",
    [b"\x05ab", header("a", 10, b""), header("a", 7, b"\x00\x09abc"), header("a", 4, b"\x01")],
)
def test_headers_that_cannot_be_read_are_malformed(headers: bytes) -> None:
    with pytest.raises(MalformedResponse):
        read([message(headers, b"{}")])


def test_a_message_over_the_bound_is_refused_before_it_is_pieces() -> None:
    lengths = struct.pack("!II", MAX_EVENT + 1, 0)
    with pytest.raises(EventTooLarge):
        EventStreamReader().feed(lengths + struct.pack("!I", zlib.crc32(lengths)))


def test_server_sent_events_are_no_such_stream() -> None:
    with pytest.raises(MalformedResponse):
        read([b'data: {"choices": []}\n\n'])
