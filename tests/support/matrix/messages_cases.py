"""What is particular to servers of Anthropic's messages."""

from collections.abc import Mapping, Sequence
from typing import Any

from support.matrix.messages_writing import block, ends, event, message, starts, text, tool_use
from support.matrix.said import (
    LIMA,
    OSLO,
    TOOL_NAME,
    Called,
    Case,
    Finish,
    Json,
    Kind,
    Said,
    streamed,
    whole,
)

FINE = Said("fine")
TEXT: Json = {"type": "text", "text": "fine"}
LOST = "\ufffd"
NOW = Said(calls=(Called("now", "{}", "call_1"),), finish=Finish.CALLS)
ONE = Said(calls=(Called(TOOL_NAME, OSLO, "call_1"),), finish=Finish.CALLS)
ONE_UNNAMED = Said(calls=(Called(TOOL_NAME, OSLO),), finish=Finish.CALLS)
BOTH = (Called(TOOL_NAME, OSLO, "call_1"), Called(TOOL_NAME, LIMA, "call_2"))
TWO = Said(calls=BOTH, finish=Finish.CALLS)
SAME = Said(calls=(BOTH[0], Called(TOOL_NAME, LIMA)), finish=Finish.CALLS)
CALL = tool_use(ONE.calls[0])


def _delta(kind: str, at: Json, **fields: Any) -> bytes:
    return event({"type": "content_block_delta", **at, "delta": {"type": kind, **fields}})


def _begun(at: Json, begun: Json) -> bytes:
    return event({"type": "content_block_start", **at, "content_block": begun})


def _call(number: int, called: Called, *pieces: Any) -> list[bytes]:
    """A call's block with its input in these pieces."""
    deltas: list[Json] = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return block(number, tool_use(called, input={}), *deltas)


def _words(**fields: Any) -> list[bytes]:
    """A stream of one word, its pieces numbered otherwise."""
    return [
        _begun(fields, {"type": "text", "text": ""}),
        _delta("text_delta", fields, text="fine"),
        event({"type": "content_block_stop", **fields}),
    ]


WHOLE: list[Case] = [
    whole("a field that is new", message([{**TEXT, "new": 1}], new={}), FINE),
    whole("a block that is new", message([{"type": "new", "x": [1]}, TEXT]), FINE),
    whole(
        "a provider's own tool",
        message(
            [
                {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
                {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
                TEXT,
            ]
        ),
        FINE,
    ),
    whole("a text of null", message([{"type": "text", "text": None}, TEXT]), FINE),
    whole("a block of null", message([None, TEXT]), FINE),
    whole("a block without a type", message([{"text": "fine"}]), FINE),
    whole("content as text", message([], content="fine"), FINE),
    whole("content as one block", message([], content=TEXT), FINE),
    whole("no content", message([], content=None), Said("")),
    whole(
        "nulls",
        message(
            [{**TEXT, "citations": None, "id": None, "input": None}],
            id=None,
            stop_details=None,
            container=None,
        ),
        FINE,
    ),
    whole("no model", message([TEXT], model=None), FINE),
    whole("an empty error", message([TEXT], error=None), FINE),
    whole("an error of nothing", message([TEXT], error={"type": None, "message": ""}), FINE),
    whole("no stop reason", message([TEXT], None), FINE),
    whole("a reason that is new", message([TEXT], "because"), FINE),
    whole(
        "thinking without a signature",
        message([{"type": "thinking", "thinking": "Hm.", "signature": None}, TEXT]),
        Said("fine", thinking="Hm."),
    ),
    whole(
        "counts as floats",
        message([TEXT], usage={"input_tokens": 11.0, "output_tokens": 5.0}),
        FINE,
    ),
    whole("a half character", message([{**TEXT, "text": "a\ud83d"}]), Said(f"a{LOST}")),
    whole(
        "a cut character",
        message([{**TEXT, "text": "a@b"}]).replace(b"a@b", b"a\xf0\x9fb"),
        Said(f"a{LOST}b"),
    ),
]
STREAMS: list[Case] = [
    streamed(
        "pings and new events",
        [
            event({"type": "ping"}),
            starts(),
            event({"type": "new", "x": 1}),
            *text(0, "fi", "ne"),
            event({"type": "ping"}),
            *ends(),
        ],
        FINE,
    ),
    streamed("indexes of null", [starts(), *_words(index=None), *ends()], FINE),
    streamed("no indexes", [starts(), *_words(), *ends()], FINE),
    streamed("indexes of text", [starts(), *_words(index="0"), *ends()], FINE),
    streamed("a text in the block's begin", [starts(), *block(0, TEXT), *ends()], FINE),
    streamed("no begin of the block", [starts(), *text(0, "fine")[1:], *ends()], FINE),
    streamed("no end of the block", [starts(), *text(0, "fine")[:-1], *ends()], FINE),
    streamed(
        "a delta without a type",
        [
            starts(),
            *text(0, "fine")[:1],
            event({"type": "content_block_delta", "index": 0, "delta": {"text": "fine"}}),
            *ends(),
        ],
        FINE,
    ),
    streamed(
        "nulls in a delta",
        [
            starts(),
            *text(0)[:1],
            _delta("text_delta", {"index": 0}, text="fine", partial_json=None, thinking=None),
            *ends(),
        ],
        FINE,
    ),
    streamed(
        "a text of null",
        [
            starts(),
            *text(0)[:1],
            _delta("text_delta", {"index": 0}, text=None),
            *text(0, "fine")[1:],
            *ends(),
        ],
        FINE,
    ),
    streamed("no stop reason", [starts(), *text(0, "fine"), *ends(None)], FINE),
    streamed(
        "types in the names alone",
        [
            starts(),
            *(piece.replace(b'"type": "content_block_delta", ', b"") for piece in text(0, "fine")),
            *ends(),
        ],
        FINE,
    ),
    streamed(
        "`[DONE]` at the end", [starts(), *text(0, "fine"), *ends(), b"data: [DONE]\n\n"], FINE
    ),
    streamed(
        "no names of events",
        [
            b"data: " + piece.partition(b"data: ")[2]
            for piece in [starts(), *text(0, "fine"), *ends()]
        ],
        FINE,
    ),
    streamed(
        "an unknown delta",
        [
            starts(),
            *text(0, "fine")[:-1],
            _delta("citations_delta", {"index": 0}, citation={}),
            *ends(),
        ],
        FINE,
    ),
    streamed("a half character", [starts(), *text(0, "a\ud83d"), *ends()], Said(f"a{LOST}")),
    streamed(
        "a cut character",
        [starts(), *(piece.replace(b"a@b", b"a\xf0\x9fb") for piece in text(0, "a@b")), *ends()],
        Said(f"a{LOST}b"),
    ),
]
CALLS: list[Case] = [
    whole("input as text", message([{**CALL, "input": OSLO}], "tool_use"), ONE),
    whole("input of null", message([tool_use(NOW.calls[0], input=None)], "tool_use"), NOW),
    whole(
        "no input", message([{"type": "tool_use", "id": "call_1", "name": "now"}], "tool_use"), NOW
    ),
    whole("no id", message([{**CALL, "id": None}], "tool_use"), ONE_UNNAMED),
    whole(
        "two with the same id", message([CALL, tool_use(BOTH[1], id="call_1")], "tool_use"), SAME
    ),
    whole("an end of turn", message([CALL], "end_turn"), ONE),
    streamed("input in the block's begin", [starts(), *block(0, CALL), *ends("tool_use")], ONE),
    streamed(
        "input as an object",
        [starts(), *_call(0, BOTH[0], {"city": "Oslo"}), *ends("tool_use")],
        ONE,
    ),
    streamed("no pieces of input", [starts(), *_call(0, NOW.calls[0]), *ends("tool_use")], NOW),
    streamed(
        "an empty piece of input", [starts(), *_call(0, NOW.calls[0], ""), *ends("tool_use")], NOW
    ),
    streamed("no id", [starts(), *block(0, {**CALL, "id": None}), *ends("tool_use")], ONE_UNNAMED),
    streamed(
        "two with the same id",
        [
            starts(),
            *_call(0, BOTH[0], OSLO),
            *_call(1, Called(TOOL_NAME, LIMA, "call_1"), LIMA),
            *ends("tool_use"),
        ],
        SAME,
    ),
    streamed(
        "two with the same index",
        [starts(), *_call(0, BOTH[0], OSLO), *_call(0, BOTH[1], LIMA), *ends("tool_use")],
        TWO,
    ),
    streamed(
        "two without an end",
        [starts(), *_call(0, BOTH[0], OSLO)[:-1], *_call(0, BOTH[1], LIMA)[:-1], *ends("tool_use")],
        TWO,
    ),
    streamed(
        "two mixed",
        [
            starts(),
            *_call(0, BOTH[0], OSLO[:5])[:-1],
            *_call(1, BOTH[1], LIMA[:5])[:-1],
            _delta("input_json_delta", {"index": 0}, partial_json=OSLO[5:]),
            _delta("input_json_delta", {"index": 1}, partial_json=LIMA[5:]),
            *ends("tool_use"),
        ],
        TWO,
    ),
    streamed("an end of turn", [starts(), *_call(0, BOTH[0], OSLO), *ends("end_turn")], ONE),
]
UNREADABLE: list[Case] = [
    whole("no JSON", b"<html>", None),
    whole("cut JSON", message([TEXT])[:-9], None),
    whole("no message", b'{"ok":true}', None),
    whole(
        "an error", b'{"type":"error","error":{"type":"overloaded_error","message":"later"}}', None
    ),
    whole("an error of text", b'{"error":"later"}', None),
    streamed("no event", [b"data: {{{\n\n"], None),
    streamed("no end", [starts(), *text(0, "fine")], None),
    streamed("no message_stop", [starts(), *text(0, "fine"), ends()[0]], None),
    streamed(
        "an error",
        [
            starts(),
            *text(0, "fi"),
            event({"type": "error", "error": {"type": "overloaded_error", "message": "later"}}),
        ],
        None,
    ),
    streamed(
        "an error without a type",
        [starts(), *text(0, "fi"), b'data: {"error":{"message":"later"}}\n\n'],
        None,
    ),
]
CASES: Mapping[Kind, Sequence[Case]] = {
    Kind.ODD_FORMS: [*WHOLE, *STREAMS],
    Kind.CALLS: CALLS,
    Kind.UNREADABLE: UNREADABLE,
}
