"""A chat completion, or a chunk of one, as documented."""

from typing import Any

import msgspec

from weir_wires.chat_answer.finish import Finish, finish_of


class Function(msgspec.Struct):
    """`function` of a call, or a piece of it."""

    name: str | None = None
    arguments: str | None = None


class Custom(msgspec.Struct):
    """`custom` of a call: a tool that takes text."""

    name: str | None = None
    input: str | None = None


class ToolCall(msgspec.Struct):
    """One call, or in a stream a piece of one."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None
    custom: Custom | None = None
    own_name: str | None = msgspec.field(default=None, name="name")  # without a `function`
    own_arguments: str | None = msgspec.field(default=None, name="arguments")
    extra_content: Any = None
    provider_specific_fields: Any = None

    @property
    def name(self) -> str:
        if self.function is not None and self.function.name:
            return self.function.name
        return (self.custom.name if self.custom is not None else self.own_name) or ""

    @property
    def arguments(self) -> str:
        if self.function is not None and self.function.arguments:
            return self.function.arguments
        return (self.custom.input if self.custom is not None else self.own_arguments) or ""

    @property
    def extras(self) -> dict[str, Any]:
        """What the provider adds, and may want back: Gemini's signatures are here."""
        return _extras(self.extra_content, self.provider_specific_fields)


class ChatMessage(msgspec.Struct):
    """What the model says: `message`, or in a stream `delta`."""

    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    thinking_blocks: list[Any] | None = None
    reasoning_details: list[Any] | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: Function | None = None  # what `tool_calls` replaced
    extra_content: Any = None
    provider_specific_fields: Any = None

    @property
    def calls(self) -> list[ToolCall]:
        if self.tool_calls:
            return self.tool_calls
        return [ToolCall(function=self.function_call)] if self.function_call is not None else []

    @property
    def extras(self) -> dict[str, Any]:
        """What the provider adds to the message, and may want back."""
        return _extras(self.extra_content, self.provider_specific_fields)


class Choice(msgspec.Struct):
    """One of `choices`."""

    index: int | None = None
    message: ChatMessage | None = None
    delta: ChatMessage | None = None
    text: str | None = None  # as legacy completions have it
    finish_reason: str | None = None
    stop_reason: str | int | None = None  # some servers: the stop sequence that was met
    usage: Any = None  # some servers tell it here

    @property
    def any_message(self) -> ChatMessage | None:
        """The message or the piece of one, wherever the server writes it."""
        message = self.delta or self.message
        return ChatMessage(content=self.text) if message is None and self.text else message

    @property
    def finish(self) -> Finish | None:
        """Why the answer ended; None while it goes on."""
        return finish_of(self.finish_reason)


class Completion(msgspec.Struct):
    """The answer or a chunk of it, or an error in its place."""

    id: str | None = None
    created: int | None = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: Any = None
    x_groq: Any = None  # where one provider tells the usage of its streams
    service_tier: Any = None
    error: Any = None


def _extras(extra_content: Any, provider_specific_fields: Any) -> dict[str, Any]:
    fields = {
        "extra_content": extra_content,
        "provider_specific_fields": provider_specific_fields,
    }
    return {name: value for name, value in fields.items() if value}
