"""The parts of an Anthropic request that have a place on OpenAI's chat wire, as it writes them."""

from typing import Any

import msgspec

ABSENT = msgspec.Raw(b"")


class Source(msgspec.Struct):
    """`source` of an image or a document."""

    type: str
    url: str | None = None
    media_type: str | None = None
    data: str | None = None
    content: Any = None


class Block(msgspec.Struct):
    """One content block of any type."""

    type: str
    text: str | None = None
    source: Source | str | None = None  # text: where a search result is from
    title: str | None = None
    context: str | None = None
    citations: Any = None
    cache_control: Any = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = ABSENT
    tool_use_id: str | None = None
    content: "str | list[Block] | Block | None" = None
    tool_name: str | None = None
    is_error: bool | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None


class Message(msgspec.Struct):
    """One turn."""

    role: str
    content: str | list[Block]


class Tool(msgspec.Struct):
    """One tool offered, the client's own or the provider's."""

    name: str = ""
    type: str | None = None
    description: str | None = None
    input_schema: msgspec.Raw = ABSENT
    strict: bool | None = None
    cache_control: Any = None
    input_examples: Any = None
    defer_loading: bool | None = None
    display_width_px: int | None = None
    display_height_px: int | None = None


class ToolChoice(msgspec.Struct):
    """`tool_choice`."""

    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(msgspec.Struct):
    """`thinking`."""

    type: str
    budget_tokens: int | None = None


class Format(msgspec.Struct):
    """`output_config.format`."""

    type: str
    schema: msgspec.Raw = ABSENT


class OutputConfig(msgspec.Struct):
    """`output_config`."""

    effort: str | None = None
    format: Format | None = None


class Metadata(msgspec.Struct):
    """`metadata`."""

    user_id: str | None = None
