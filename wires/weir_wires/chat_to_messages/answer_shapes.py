"""Anthropic's answer and the events of its stream, as documented."""

from typing import Any, Final

import msgspec

NO_INPUT: Final = msgspec.Raw(b"")


class Block(msgspec.Struct):
    """One content block of any type."""

    type: str = ""
    text: str = ""
    id: str = ""
    name: str = ""
    input: msgspec.Raw = NO_INPUT
    thinking: str = ""
    signature: str = ""
    data: str = ""


class StopDetails(msgspec.Struct):
    """Why the model refused."""

    explanation: str | None = None


class Message(msgspec.Struct):
    """The answer, or an error in its place."""

    type: str = "message"
    id: str = ""
    model: str = ""
    content: list[Block] | None = None
    stop_reason: str | None = None
    stop_details: StopDetails | None = None
    usage: Any = None
    error: Any = None


class Delta(msgspec.Struct):
    """What an event adds."""

    type: str = ""
    text: str = ""
    partial_json: str = ""
    thinking: str = ""
    signature: str = ""
    stop_reason: str | None = None
    stop_details: StopDetails | None = None


class StreamEvent(msgspec.Struct):
    """One event of any type."""

    type: str = ""
    index: int = 0
    message: Message | None = None
    content_block: Block | None = None
    delta: Delta | None = None
    usage: Any = None
    error: Any = None
