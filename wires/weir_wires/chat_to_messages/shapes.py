"""The parts of an OpenAI chat request that have a place on Anthropic's wire, as it writes them."""

from typing import Any

import msgspec

ABSENT = msgspec.Raw(b"")


class ImageUrl(msgspec.Struct):
    """`image_url` of a content part."""

    url: str
    detail: str | None = None


class File(msgspec.Struct):
    """`file` of a content part."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class Breakpoint(msgspec.Struct):
    """Where a prompt's reusable prefix ends."""

    ttl: str | None = None


class Part(msgspec.Struct):
    """One content part of any type."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: ImageUrl | str | None = None
    file: File | None = None
    cache_control: msgspec.Raw = ABSENT
    prompt_cache_breakpoint: Breakpoint | None = None


class Call(msgspec.Struct):
    """`function` of a tool call."""

    name: str
    arguments: str = ""


class ToolCall(msgspec.Struct):
    """One call that the model made earlier."""

    id: str
    function: Call | None = None
    type: str = "function"


class ThinkingBlock(msgspec.Struct):
    """One of `thinking_blocks`: Anthropic's own block, given back by the client."""

    type: str = "thinking"
    index: Any = None  # of a stream's piece
    thinking: str = ""
    signature: str | None = None
    data: str | None = None


class ReasoningDetail(msgspec.Struct):
    """One of `reasoning_details`: the same in the words of other gateways."""

    type: str = ""
    index: Any = None  # of a stream's piece
    id: Any = None
    format: Any = None
    text: str | None = None
    signature: str | None = None
    data: str | None = None


class Message(msgspec.Struct):
    """One turn."""

    role: str
    content: str | list[Part] | None = None
    name: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    function_call: Any = None
    audio: Any = None
    thinking_blocks: list[ThinkingBlock] | None = None
    reasoning_details: list[ReasoningDetail] | None = None
    reasoning_content: Any = None
    reasoning: Any = None


class Function(msgspec.Struct):
    """`function` of a tool."""

    name: str
    description: str | None = None
    parameters: msgspec.Raw = ABSENT
    strict: bool | None = None


class Tool(msgspec.Struct):
    """One tool offered."""

    type: str = "function"
    function: Function | None = None
    cache_control: msgspec.Raw = ABSENT


class Named(msgspec.Struct):
    """A tool by its name."""

    name: str


class ToolChoice(msgspec.Struct):
    """`tool_choice` where it is an object."""

    type: str
    function: Named | None = None


class JsonSchema(msgspec.Struct):
    """`json_schema` of a response format; the other wire has the schema alone."""

    schema: msgspec.Raw = ABSENT
    name: Any = None
    strict: Any = None
    description: Any = None


class ResponseFormat(msgspec.Struct):
    """`response_format`."""

    type: str
    json_schema: JsonSchema | None = None


class StreamOptions(msgspec.Struct):
    """`stream_options`."""

    include_usage: bool | None = None


class Kind(msgspec.Struct):
    """`thinking`, which is Anthropic's own field: only its type is looked at."""

    type: str


class CacheOptions(msgspec.Struct):
    """`prompt_cache_options`."""

    mode: str | None = None
    ttl: str | None = None
