"""Anthropic's answers: words and tool calls, whole or streamed, and the shape of errors."""

import json
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from weir_wires.content import AnswerContent, ToolCall, joined_calls
from weir_wires.error_shapes import ApiError, ErrorDetails, json_object, one_line, text_field
from weir_wires.event import Event
from weir_wires.provider_json import decode_event
from weir_wires.spec import AnswerReader


class _Block(msgspec.Struct):
    type: str = ""
    text: str | None = None
    name: str | None = None
    input: msgspec.Raw = msgspec.Raw(b"{}")


class _Delta(msgspec.Struct):
    text: str | None = None
    partial_json: str | None = None


class _MessagesEvent(msgspec.Struct):
    index: int = 0
    content_block: _Block | None = None
    delta: _Delta | None = None


class _Blocks(msgspec.Struct):
    content: list[_Block] | None = None


_BLOCKS: Final = msgspec.json.Decoder(_Blocks)
_MESSAGES_EVENT: Final = msgspec.json.Decoder(_MessagesEvent)


def _messages(body: bytes) -> AnswerContent | None:
    answer = decode_event(_BLOCKS, body)
    return None if answer is None or answer.content is None else _of_blocks(answer.content)


def _of_blocks(blocks: Sequence[_Block]) -> AnswerContent:
    texts = [block.text or "" for block in blocks if block.type == "text"]
    calls = [
        ToolCall(block.name or "", bytes(block.input).decode("utf-8", "replace"))
        for block in blocks
        if block.type == "tool_use"
    ]
    return AnswerContent("".join(texts), tuple(calls))


def _messages_events(events: Sequence[Event]) -> AnswerContent | None:
    texts: list[str] = []
    calls: dict[int, list[str]] = {}
    for event in events:
        event_read = decode_event(_MESSAGES_EVENT, event.data)
        if event_read is None:
            continue
        if event_read.content_block is not None and event_read.content_block.type == "tool_use":
            calls[event_read.index] = [event_read.content_block.name or "", ""]
        if event_read.delta is not None:
            texts.append(event_read.delta.text or "")
            if event_read.index in calls:
                calls[event_read.index][1] += event_read.delta.partial_json or ""
    return AnswerContent(
        "".join(texts), tuple(ToolCall(c.name, c.arguments or "{}") for c in joined_calls(calls))
    )


MESSAGES_ANSWER: Final = AnswerReader(_messages, _messages_events)


_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    413: "request_too_large",
    415: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class AnthropicErrors:
    """`{"type": "error", "error": {type, message}}`, with the gateway's code and field beside."""

    family = "anthropic"

    def read(self, body: bytes) -> ErrorDetails | None:
        """Only what says that it is an error."""
        value = json_object(body)
        error = value.get("error")
        if value.get("type") != "error" or not isinstance(error, dict) or "message" not in error:
            return None
        fields: dict[str, Any] = error  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
        return ErrorDetails(str(fields["message"]), text_field(fields, "type"))

    def write(self, error: ApiError) -> bytes:
        """The type follows from the status, as their clients expect."""
        if error.body is not None:
            return error.body
        fields: dict[str, object] = {
            "type": _TYPES.get(error.status, "api_error"),
            "message": error.message,
            "code": error.code,
        }
        if error.param is not None:
            fields["param"] = error.param
        return json.dumps({"type": "error", "error": fields}).encode()

    def event(self, error: ApiError, before: bytes) -> bytes:
        """No `message_stop` follows it."""
        del before
        return b"event: error\ndata: " + one_line(self.write(error)) + b"\n\n"


ANTHROPIC_ERRORS: Final = AnthropicErrors()
