"""The parts of an OpenAI chat request that have a place on Gemini's wire, as it writes them."""

from typing import Any

import msgspec

ABSENT = msgspec.Raw(b"")


class Url(msgspec.Struct):
    """`image_url` or `video_url` of a content part."""

    url: str
    detail: str | None = None


class File(msgspec.Struct):
    """`file` of a content part."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None
    format: str | None = None


class Audio(msgspec.Struct):
    """`input_audio` of a content part."""

    data: str
    format: str = "wav"


class GoogleExtra(msgspec.Struct):
    """What Google's own servers add to a call or a message."""

    thought_signature: str | None = None


class ExtraContent(msgspec.Struct):
    """`extra_content`."""

    google: GoogleExtra | None = None


class Part(msgspec.Struct):
    """One content part of any type."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: Url | str | None = None
    video_url: Url | str | None = None
    file: File | None = None
    input_audio: Audio | None = None
    cache_control: Any = None
    prompt_cache_breakpoint: Any = None


class Call(msgspec.Struct):
    """`function` of a tool call."""

    name: str
    arguments: str = ""


class ToolCall(msgspec.Struct):
    """One call that the model made earlier."""

    id: str
    function: Call | None = None
    type: str = "function"
    extra_content: ExtraContent | None = None


class Message(msgspec.Struct):
    """One turn."""

    role: str
    content: str | list[Part] | None = None
    name: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    extra_content: ExtraContent | None = None
    function_call: Any = None
    audio: Any = None
    thinking_blocks: Any = None
    reasoning_details: Any = None
    reasoning_content: Any = None
    reasoning: Any = None

    @property
    def signature(self) -> str | None:
        """The signature of its text."""
        return signature_in(self.extra_content)


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
    cache_control: Any = None


class Named(msgspec.Struct):
    """A tool by its name."""

    name: str


class NamedTool(msgspec.Struct):
    """One of the allowed tools."""

    type: str = "function"
    function: Named | None = None


class AllowedTools(msgspec.Struct):
    """`allowed_tools` of a choice."""

    mode: str = "auto"
    tools: list[NamedTool] = []


class ToolChoice(msgspec.Struct):
    """`tool_choice` where it is an object."""

    type: str
    function: Named | None = None
    allowed_tools: AllowedTools | None = None


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


class Thinking(msgspec.Struct):
    """`thinking`, which is Anthropic's own field."""

    type: str
    budget_tokens: int | None = None


class StreamOptions(msgspec.Struct):
    """`stream_options`."""

    include_usage: bool | None = None


def signature_in(extra: ExtraContent | None) -> str | None:
    """The signature that a server added; None where there is none."""
    google = extra.google if extra is not None else None
    return google.thought_signature if google is not None else None
