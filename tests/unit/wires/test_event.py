"""Server-sent events, read in pieces cut anywhere and written."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_wires.event import MAX_EVENT, Event, EventReader, EventTooLarge, write

LINE = st.binary(max_size=20).filter(lambda line: b"\n" not in line and b"\r" not in line)
NAME = st.text("abcdef_.", max_size=8)
EVENTS = st.lists(st.tuples(NAME, st.lists(LINE, min_size=1, max_size=3)), max_size=6)
ENDING = st.sampled_from([b"\n", b"\r\n", b"\r"])


def read(pieces: list[bytes]) -> list[Event]:
    reader = EventReader()
    events_read = [event for piece in pieces for event in reader.feed(piece)]
    return [*events_read, *reader.rest()]


def written(events: list[tuple[str, list[bytes]]], ending: bytes) -> bytes:
    blocks: list[bytes] = []
    for name, lines in events:
        head = [b": a comment", b"event: " + name.encode()] if name else []
        blocks.append(ending.join([*head, *(b"data: " + line for line in lines)]))
    return b"".join(block + ending + ending for block in blocks)


@given(EVENTS, ENDING, st.data())
def test_pieces_cut_anywhere_give_the_same_events(
    events: list[tuple[str, list[bytes]]], ending: bytes, data: st.DataObject
) -> None:
    stream = written(events, ending)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    bounds = [0, *cuts, len(stream)]
    pieces = [stream[a:b] for a, b in itertools.pairwise(bounds)]
    assert read(pieces) == [Event(name, b"\n".join(lines)) for name, lines in events]


@given(EVENTS, ENDING)
def test_byte_by_byte(events: list[tuple[str, list[bytes]]], ending: bytes) -> None:
    stream = written(events, ending)
    expected = [Event(name, b"\n".join(lines)) for name, lines in events]
    assert read([bytes([byte]) for byte in stream]) == expected


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [Event("", b"a")]),
        (b"data:a\n\n", [Event("", b"a")]),
        (b"data:  a\n\n", [Event("", b" a")]),
        (b"data\n\n", [Event("", b"")]),
        (b"\xef\xbb\xbfdata: a\n\n", [Event("", b"a")]),
        (b": only a comment\n\n", []),
        (b"event: ping\n\n", []),
        (b"id: 7\nretry: 3\ndata: a\n\n", [Event("", b"a")]),
        (b"\n\n\ndata: a\n\n\n\n", [Event("", b"a")]),
        (b"data: {\ndata: }\n\n", [Event("", b"{\n}")]),
        (b"data: a\n\ndata: no blank line", [Event("", b"a"), Event("", b"no blank line")]),
    ],
)
def test_forms_of_a_stream(stream: bytes, events: list[Event]) -> None:
    assert read([stream]) == events


def test_an_endless_event_is_refused() -> None:
    reader = EventReader()
    piece = b"data: " + b"x" * (1 << 20)
    for _ in range(MAX_EVENT // len(piece)):
        assert reader.feed(piece) == []
    with pytest.raises(EventTooLarge):
        reader.feed(piece)


@given(st.binary().filter(lambda data: b"\n" not in data and b"\r" not in data), NAME)
def test_written_events_are_read(data: bytes, name: str) -> None:
    assert read([write(data, name)]) == [Event(name, data)]


def test_a_large_event_of_many_small_lines_is_read_once() -> None:
    """Were what is held read anew for each piece, this would take hours."""
    reader = EventReader()
    lines = MAX_EVENT // 10
    for _ in range(lines):
        assert reader.feed(b"data: x\n") == []
    assert reader.feed(b"\n") == [Event("", b"\n".join([b"x"] * lines))]


@given(EVENTS, ENDING)
def test_an_event_is_read_with_its_last_byte(
    events: list[tuple[str, list[bytes]]], ending: bytes
) -> None:
    """Not with the next event's first: a stream's last words must not wait."""
    reader = EventReader()
    for name, lines in events:
        expected = [Event(name, b"\n".join(lines))]
        block = written([(name, lines)], ending)
        events_read = [event for byte in block for event in reader.feed(bytes([byte]))]
        assert events_read == expected
