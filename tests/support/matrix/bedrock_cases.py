"""What is particular to Bedrock's Converse."""

from collections.abc import Mapping, Sequence

from support.matrix import messages_writing
from support.matrix.bedrock_writing import (
    answer,
    block,
    chunk,
    ends,
    event,
    exception,
    starts,
    tool_use,
)
from support.matrix.said import (
    LIMA,
    OSLO,
    TOOL_NAME,
    Called,
    Case,
    Finish,
    Kind,
    Said,
    streamed,
    whole,
)
from weir_wires import event_stream

FINE = Said("fine")
TEXT = {"text": "fine"}
BOTH = (Called(TOOL_NAME, OSLO, "call_1"), Called(TOOL_NAME, LIMA, "call_2"))
PIECES = block(0, [TEXT])
FULL = "model_context_window_exceeded"
CUT = Said("fine", finish=Finish.LENGTH)
TWO = Said(calls=BOTH, finish=Finish.CALLS)
STREAM = b"".join([starts(), *PIECES, *ends()])


def call(called: Called, index: int) -> list[bytes]:
    """A call of a stream."""
    begun = {"toolUse": {"toolUseId": called.id, "name": called.name}}
    return block(index, [{"toolUse": {"input": called.arguments}}], begun)


ODD_FORMS: list[Case] = [
    whole("a field that is new", answer([{**TEXT}], new={"a": 1}), FINE),
    whole("a block that is new", answer([{"video": {}}, TEXT]), FINE),
    whole("nulls", answer([{**TEXT, "toolUse": None}], trace=None), FINE),
    whole("a reason that is new", answer([TEXT], "because"), FINE),
    whole("cited", answer([{"citationsContent": {"content": [TEXT]}}]), FINE),
    whole(
        "thoughts without signature",
        answer([{"reasoningContent": {"reasoningText": {"text": "hm"}}}, TEXT]),
        Said("fine", thinking="hm"),
    ),
    whole("window full", answer([TEXT], FULL), CUT),
    streamed("window full", [starts(), *PIECES, *ends(FULL)], CUT),
    streamed("an event that is new", [event("later", {}), starts(), *PIECES, *ends()], FINE),
    streamed("one piece of bytes", [STREAM], FINE),
    streamed("cut within", [STREAM[at : at + 7] for at in range(0, len(STREAM), 7)], FINE),
]
CALLS: list[Case] = [
    whole("two", answer([tool_use(called) for called in BOTH], "tool_use"), TWO),
    streamed("two", [starts(), *call(BOTH[0], 0), *call(BOTH[1], 1), *ends("tool_use")], TWO),
    streamed("gaps", [starts(), *call(BOTH[0], 3), *call(BOTH[1], 7), *ends("tool_use")], TWO),
]
UNREADABLE: list[Case] = [
    whole("no JSON", b"<html>", None),
    whole("no content", b'{"output":{}}', None),
    whole("an error", b'{"message":"no"}', None),
    streamed("no messages", [b"data: {}\n\n"], None),
    streamed("an exception at once", [exception("throttlingException", "slow down")], None),
    streamed(
        "an exception later", [starts(), *PIECES, exception("modelStreamErrorException", "x")], None
    ),
    streamed("cut", [starts(), *PIECES], None),
    streamed("a wrong checksum", [starts(), PIECES[0][:-1] + b"\0", *PIECES[1:], *ends()], None),
    streamed("no JSON in a message", [event_stream.write(b"{{", "contentBlockDelta")], None),
]
CASES: Mapping[Kind, Sequence[Case]] = {
    Kind.ODD_FORMS: ODD_FORMS,
    Kind.CALLS: CALLS,
    Kind.UNREADABLE: UNREADABLE,
}

INVOKE_STREAM = [messages_writing.starts(), *messages_writing.text(0, "fine")]
INVOKE_ENDS = messages_writing.ends()
METRICS = {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 11}}
INVOKE_CASES: Mapping[Kind, Sequence[Case]] = {
    Kind.ODD_FORMS: [
        whole("new field", messages_writing.message([{"type": "text", **TEXT}], new={}), FINE),
        streamed(
            "metrics of Bedrock",
            [
                *map(chunk, [*INVOKE_STREAM, INVOKE_ENDS[0]]),
                chunk(messages_writing.event(METRICS)),
            ],
            FINE,
        ),
        streamed(
            "cut within",
            [
                piece
                for event in [*INVOKE_STREAM, *INVOKE_ENDS]
                for piece in (chunk(event)[:9], chunk(event)[9:])
            ],
            FINE,
        ),
    ],
    Kind.CALLS: [
        whole(
            "two",
            messages_writing.message([messages_writing.tool_use(c) for c in BOTH], "tool_use"),
            TWO,
        ),
    ],
    Kind.UNREADABLE: [
        whole("no JSON", b"<html>", None),
        streamed("an exception at once", [exception("throttlingException", "slow down")], None),
        streamed(
            "an exception later",
            [*map(chunk, INVOKE_STREAM), exception("internalServerException", "x")],
            None,
        ),
        streamed("cut", [*map(chunk, INVOKE_STREAM)], None),
        streamed("no base64", [event("chunk", {"bytes": "???"})], None),
    ],
}
