"""What each provider's wire tells of tokens and of its end, whole and in a stream's kept ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_wires.content import Usage
from weir_wires.errors import MalformedResponse
from weir_wires.registry import SPECS, WIRES
from weir_wires.stream_ends import HEAD, TAIL, StreamEnds
from weir_wires.wire import Wire

CHAT = (
    b'{"usage":{"prompt_tokens":11,"completion_tokens":5,'
    b'"prompt_tokens_details":{"cached_tokens":4}}}'
)
RESPONSES = (
    b'{"usage":{"input_tokens":11,"output_tokens":5,"input_tokens_details":{"cached_tokens":4}}}'
)
MESSAGES = (
    b'{"usage":{"input_tokens":5,"output_tokens":5,"cache_read_input_tokens":4,'
    b'"cache_creation_input_tokens":2}}'
)
PLAIN = Usage(11, 5, cached_input=4)
WRITTEN = Usage(11, 5, cached_input=4, cache_write=2)

COMPLETED = b'event: response.completed\ndata: {"type":"response.completed","response":%s}\n\n'
START = (
    b'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":5,'
    b'"cache_read_input_tokens":4,"cache_creation_input_tokens":2,"output_tokens":1}}}\n\n'
)
DELTA = b'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":5}}\n\n'
STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def test_every_wire_has_one_spec_and_a_short_name_of_its_own() -> None:
    named = {value for value in vars(Wire).values() if isinstance(value, Wire)}
    assert named <= set(WIRES)
    assert [spec.wire for spec in SPECS] == list(WIRES)
    assert len({wire.short for wire in WIRES}) == len(SPECS)


@pytest.mark.parametrize(
    ("wire", "body", "usage"),
    [
        (Wire.OPENAI_CHAT, CHAT, PLAIN),
        (Wire.OPENAI_COMPLETIONS, CHAT, PLAIN),
        (Wire.OPENAI_EMBEDDINGS, b'{"usage":{"prompt_tokens":3,"total_tokens":3}}', Usage(3, 0)),
        (Wire.OPENAI_CHAT, b'{"usage":null}', None),
        (Wire.OPENAI_CHAT, b"{}", None),
        (Wire.OPENAI_CHAT, b'{"usage":"odd"}', None),
        (
            Wire.OPENAI_CHAT,
            b'{"usage":{"prompt_tokens":-3,"completion_tokens":-1}}',
            Usage(0, 0),
        ),
        (
            Wire.OPENAI_CHAT,
            b'{"usage":{"prompt_tokens":3,"prompt_tokens_details":{"cached_tokens":9}}}',
            Usage(3, 0, cached_input=3),
        ),
        (Wire.OPENAI_RESPONSES, RESPONSES, PLAIN),
        (Wire.ANTHROPIC_MESSAGES, MESSAGES, WRITTEN),
        (Wire.ANTHROPIC_COUNT_TOKENS, b'{"input_tokens":9}', None),
    ],
)
def test_usage_of_a_whole_answer(wire: Wire, body: bytes, usage: Usage | None) -> None:
    assert WIRES[wire].usage(body) == usage


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("body", [b"<html>", b'{"usage":{"prompt_to', b"", b"\xff"])
def test_a_cut_answer_is_refused(wire: Wire, body: bytes) -> None:
    with pytest.raises(MalformedResponse, match="no JSON"):
        WIRES[wire].usage(body)


LAST = {
    Wire.OPENAI_CHAT: (b"", b"data: " + CHAT + b"\n\ndata: [DONE]\n\n", PLAIN),
    Wire.OPENAI_RESPONSES: (b"", COMPLETED % RESPONSES, PLAIN),
    Wire.ANTHROPIC_MESSAGES: (START, DELTA + STOP, WRITTEN),
}


@pytest.mark.parametrize("wire", LAST)
@given(chunks=st.lists(st.binary(max_size=300), max_size=200))
def test_stream_ends_are_bounded_and_enough(wire: Wire, chunks: list[bytes]) -> None:
    ends = StreamEnds(WIRES[wire])
    first, last, usage = LAST[wire]
    if first:
        ends.feed(first)
    for chunk in chunks:
        ends.feed(chunk)
    ends.feed(b"\n\n" + last)
    events_given = ends.read()
    assert (events_given.usage, events_given.complete) == (usage, True)
    kept_size = [*ends._head, *ends._chunks]
    longest = max(map(len, [*chunks, first, last])) + 2
    assert sum(map(len, kept_size)) <= HEAD + TAIL + 2 * longest


@given(cut=st.integers(min_value=1, max_value=60))
def test_a_last_event_larger_than_the_tail_is_read(cut: int) -> None:
    ends = StreamEnds(WIRES[Wire.OPENAI_RESPONSES])
    for _ in range(100):
        ends.feed(b'event: response.output_text.delta\ndata: {"delta":"%s"}\n\n' % (b"x" * 900))
    output = b'{"output":"%s","usage":{"input_tokens":3,"output_tokens":2}}' % (b"y" * 500_000)
    event = COMPLETED % output
    for piece in (event[:cut], event[cut:300_000], event[300_000:]):
        ends.feed(piece)
    events_given = ends.read()
    assert (events_given.usage, events_given.complete) == (Usage(3, 2), True)


@pytest.mark.parametrize(
    ("wire", "stream", "complete", "last"),
    [
        (Wire.OPENAI_CHAT, b"data: [DONE]\n\n", True, True),
        (Wire.OPENAI_CHAT, b'data: {"choices":[{"finish_reason":"stop"}]}\n\n', True, False),
        (Wire.OPENAI_CHAT, b'data: {"choices":[{"finish_reason":null}]}\n\n', False, False),
        (Wire.OPENAI_CHAT, b": [DONE]\n\n", False, False),
        (Wire.OPENAI_CHAT, b"", False, False),
        (Wire.OPENAI_RESPONSES, b'data: {"type":"response.failed"}\n\n', True, True),
        (Wire.OPENAI_RESPONSES, b'data: {"type":"response.created"}\n\n', False, False),
        (Wire.ANTHROPIC_MESSAGES, START + DELTA, False, False),
        (Wire.ANTHROPIC_MESSAGES, STOP, True, True),
    ],
)
def test_a_stream_says_whether_it_is_complete(
    wire: Wire,
    stream: bytes,
    complete: bool,  # noqa: FBT001 - a table of cases
    last: bool,  # noqa: FBT001 - a table of cases
) -> None:
    ends = StreamEnds(WIRES[wire])
    ends.feed(stream)
    events_given = ends.read()
    assert (events_given.complete, events_given.last) == (complete, last)
