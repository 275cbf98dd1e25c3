"""The parts of an OpenAI Responses request that have a place on the chat wire."""

from typing import Any

import msgspec

ABSENT = msgspec.Raw(b"")


class Part(msgspec.Struct):
    """One content part of any type."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: str | None = None
    detail: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    file_data: str | None = None
    filename: str | None = None
    input_audio: msgspec.Raw = ABSENT


class Item(msgspec.Struct):
    """One item of `input` of any type; a message may leave its type out.

    What only some types have, or have in their own form, stays as the client wrote it.
    """

    type: str | None = None
    role: str | None = None
    content: msgspec.Raw = ABSENT
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: msgspec.Raw = ABSENT
    input: str | None = None
    action: msgspec.Raw = ABSENT
    operation: msgspec.Raw = ABSENT
    execution: str | None = None
    status: str | None = None
    output: msgspec.Raw = ABSENT
    tools: msgspec.Raw = ABSENT
    encrypted_content: str | None = None
    summary: Any = None  # of reasoning: the same words are in what is encrypted


class ShellOutput(msgspec.Struct):
    """What one command of a `shell_call` printed."""

    stdout: str | None = None
    stderr: str | None = None
    outcome: dict[str, Any] | None = None


class Tool(msgspec.Struct):
    """One tool offered, of any type; a namespace has tools of its own."""

    type: str
    name: str | None = None
    description: str | None = None
    parameters: msgspec.Raw = ABSENT
    strict: bool | None = None
    format: dict[str, Any] | None = None
    tools: "list[Tool] | None" = None
    execution: str | None = None
    environment: dict[str, Any] | None = None


class ToolChoice(msgspec.Struct):
    """`tool_choice` where it is an object; `allowed_tools` lists several."""

    type: str
    name: str | None = None
    namespace: str | None = None
    mode: str | None = None
    tools: "list[ToolChoice] | None" = None


class Format(msgspec.Struct):
    """`text.format`."""

    type: str
    name: str | None = None
    description: str | None = None
    schema: msgspec.Raw = ABSENT
    strict: bool | None = None


class Text(msgspec.Struct):
    """`text`."""

    format: Format | None = None
    verbosity: str | None = None


class Reasoning(msgspec.Struct):
    """`reasoning`."""

    effort: str | None = None
    summary: Any = None
    generate_summary: Any = None
