"""What a model wrote, read from events and whole answers of every wire, to be estimated."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weir_wires.registry import WIRES
from weir_wires.stream_ends import BLOCK, StreamEnds, tokens_written
from weir_wires.token_estimate import estimate_tokens
from weir_wires.wire import Wire

Json = dict[str, Any]

TEXT, THINKING, NAME, ARGUMENTS = "The gate is open.", "Is it?", "gate", '{"open":true}'
CALL = {"function": {"name": NAME, "arguments": ARGUMENTS}}
CHAT = {"content": TEXT, "reasoning_content": THINKING, "tool_calls": [CALL]}

WHOLE: dict[Wire, Json] = {
    Wire.OPENAI_CHAT: {"choices": [{"message": CHAT}]},
    Wire.OPENAI_COMPLETIONS: {"choices": [{"text": TEXT + THINKING + NAME + ARGUMENTS}]},
    Wire.OPENAI_RESPONSES: {
        "output": [
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": THINKING}]},
            {"type": "message", "content": [{"type": "output_text", "text": TEXT}]},
            {"type": "function_call", "name": NAME, "arguments": ARGUMENTS},
        ]
    },
    Wire.ANTHROPIC_MESSAGES: {
        "content": [
            {"type": "thinking", "thinking": THINKING},
            {"type": "text", "text": TEXT},
            {"type": "tool_use", "name": NAME, "input": {"open": True}},
        ]
    },
}
EVENTS: dict[Wire, list[Json]] = {
    Wire.OPENAI_CHAT: [
        {"choices": [{"delta": {"reasoning": THINKING, "reasoning_content": THINKING}}]},
        {"choices": [{"delta": {"content": TEXT}}, {"delta": None}]},
        {"choices": [{"delta": {"tool_calls": [CALL]}}]},
        {"choices": [], "usage": None},
    ],
    Wire.OPENAI_COMPLETIONS: [
        {"choices": [{"text": TEXT + THINKING}]},
        {"choices": [{"text": NAME + ARGUMENTS}]},
    ],
    Wire.OPENAI_RESPONSES: [
        {"type": "response.created", "response": WHOLE[Wire.OPENAI_RESPONSES]},
        {"type": "response.reasoning_summary_text.delta", "delta": THINKING},
        {"type": "response.output_text.delta", "delta": TEXT},
        {"type": "response.output_text.done", "text": TEXT},
        {"type": "response.function_call_arguments.delta", "delta": NAME + ARGUMENTS},
        {"type": "response.completed", "response": WHOLE[Wire.OPENAI_RESPONSES]},
    ],
    Wire.ANTHROPIC_MESSAGES: [
        {"type": "message_start", "message": {"content": [], "usage": {"output_tokens": 1}}},
        {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": THINKING}},
        {
            "type": "content_block_delta",
            "delta": {"type": "signature_delta", "signature": "x" * 99},
        },
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": TEXT}},
        {
            "type": "content_block_start",
            "content_block": {"type": "tool_use", "id": "toolu_1", "name": NAME, "input": {}},
        },
        {"type": "content_block_delta", "delta": {"partial_json": ARGUMENTS}},
        {"type": "message_stop"},
    ],
}
TOKENS = estimate_tokens(TEXT + THINKING + NAME + ARGUMENTS)


def test_every_wire_that_answers_in_streams_is_tried() -> None:
    answering = {wire for wire, spec in WIRES.items() if spec.written is not None}
    assert answering >= set(WHOLE) == set(EVENTS)


@pytest.mark.parametrize("wire", WHOLE, ids=str)
def test_a_whole_answer(wire: Wire) -> None:
    assert tokens_written(WIRES[wire], json.dumps(WHOLE[wire]).encode()) == pytest.approx(
        TOKENS, abs=2
    )


@pytest.mark.parametrize("wire", EVENTS, ids=str)
@pytest.mark.parametrize("space", [b" ", b""])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_stream(wire: Wire, space: bytes, line_end: bytes) -> None:
    ends = StreamEnds(WIRES[wire])
    for event in EVENTS[wire]:
        data = json.dumps(event).encode()
        ends.feed(b": comment" + line_end * 2 + b"data:" + space + data + line_end * 2)
    assert ends.written() == pytest.approx(TOKENS, abs=2)


@pytest.mark.parametrize("wire", EVENTS, ids=str)
@pytest.mark.parametrize("junk", [b"", b"{", b"[1]", b'{"choices":3,"delta":"x"}', b'{"type":{}}'])
def test_what_cannot_be_read_counts_for_nothing(wire: Wire, junk: bytes) -> None:
    assert tokens_written(WIRES[wire], junk) == 0


@settings(max_examples=25)
@given(st.integers(1, 1500), st.integers(1, 40), st.integers(1, 3000))
def test_a_long_stream_is_estimated_by_a_sample(events: int, words: int, cut: int) -> None:
    ends = StreamEnds(WIRES[Wire.OPENAI_CHAT])
    text = "flow " * words
    chunk = {"id": "c" * 40, "choices": [{"index": 0, "delta": {"content": text}}]}
    stream = (b"data: " + json.dumps(chunk).encode() + b"\n\n") * events
    for at in range(0, len(stream), cut):
        ends.feed(stream[at : at + cut])
    assert ends.written() == pytest.approx(estimate_tokens(text * events), rel=0.05, abs=2)


@pytest.mark.parametrize("size", [2, 5, 20])
def test_events_larger_than_a_block(size: int) -> None:
    ends = StreamEnds(WIRES[Wire.OPENAI_CHAT])
    text = "flow " * (size * BLOCK // 5)
    for _ in range(60):
        ends.feed(b'data: {"choices":[{"delta":{"content":"' + text.encode() + b'"}}]}\n\n')
    assert ends.written() == pytest.approx(estimate_tokens(text * 60), rel=0.05)
