"""Events pass whole and unchanged, however a stream is split."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from weir_gateway.http.sse import MAX_PENDING, EventBuffer

LINE = st.text(alphabet="abc:{} ", max_size=12)


def _event(lines: list[str], newline: str) -> bytes:
    return (newline.join(["data: x", *filter(None, lines)]) + newline * 2).encode()


EVENT = st.builds(_event, st.lists(LINE, max_size=3), st.sampled_from(["\n", "\r\n"]))


@given(st.lists(EVENT, max_size=5), st.lists(st.integers(0, 400), max_size=8), st.data())
def test_passes_whole_events_unchanged_however_the_stream_is_split(
    events: list[bytes], cuts: list[int], data: st.DataObject
) -> None:
    stream = b"".join(events)
    last = data.draw(st.sampled_from([b"", b"data: unfini"]))
    stream += last
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    whole = EventBuffer()
    sent = b""
    for start, end in pairwise(edges):
        sent += whole.feed(stream[start:end])
        assert sent.endswith((b"\n\n", b"\r\n\r\n")) or not sent
    assert sent + whole.rest() == stream
    assert sent == stream.removesuffix(last)


def test_passes_on_an_event_over_the_pending_limit() -> None:
    whole = EventBuffer()
    piece = b"x" * (MAX_PENDING // 2 + 1)
    assert whole.feed(piece) == b""
    assert whole.feed(piece) == piece * 2
