"""A completion that is not as documented, field by field."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from weir_wires.chat_answer.shapes import (
    ChatMessage,
    Choice,
    Completion,
    Custom,
    Function,
    ToolCall,
)
from weir_wires.lenient import Object, json_text, list_of, object_of, text, value, whole_number

_TEXTS: Final = frozenset({"text", "output_text", "input_text", ""})
_THOUGHTS: Final = frozenset({"thinking", "reasoning", "reasoning_text", "reasoning_content"})
_WORDS: Final = ("text", "content", "thinking", "reasoning", "summary", "value", "reasoning_text")


def completion_of(fields: Object) -> Completion:
    """The completion that `fields` tell."""
    return Completion(
        id=text(fields.get("id")),
        created=whole_number(fields.get("created")),
        model=text(fields.get("model")),
        choices=[_choice(object_of(raw)) for raw in list_of(fields.get("choices"))],
        usage=value(fields.get("usage")),
        x_groq=value(fields.get("x_groq")),
        service_tier=value(fields.get("service_tier")),
        error=value(fields.get("error")),
    )


def words(raw: msgspec.Raw | None) -> str:
    """The words in `raw`: a text, a part with a text, or several of them."""
    plain = text(raw)
    if plain is not None:
        return plain
    if raw is None or not bytes(raw).startswith((b"[", b"{")):
        return ""
    if bytes(raw).startswith(b"["):
        return "".join(words(entry) for entry in list_of(raw))
    fields = object_of(raw)
    return next((found for name in _WORDS if (found := words(fields.get(name)))), "")


def _choice(fields: Object) -> Choice:
    stop = fields.get("stop_reason")
    return Choice(
        index=whole_number(fields.get("index")),
        message=_message(fields.get("message")),
        delta=_message(fields.get("delta")),
        text=words(fields.get("text")) or None,
        finish_reason=_finish(fields.get("finish_reason")),
        stop_reason=text(stop),
        usage=value(fields.get("usage")),
    )


def _finish(raw: msgspec.Raw | None) -> str | None:
    """A word, or an object whose type is one."""
    return text(raw) or text(object_of(raw).get("type"))


def _message(raw: msgspec.Raw | None) -> ChatMessage | None:
    if raw is None:
        return None
    if not bytes(raw).startswith(b"{"):
        plain = words(raw)
        return ChatMessage(content=plain) if plain else None
    fields = object_of(raw)
    content, refusal, thought = _content(fields.get("content"))
    legacy = object_of(fields.get("function_call"))
    return ChatMessage(
        content=content,
        refusal=words(fields.get("refusal")) or refusal or None,
        reasoning_content=words(fields.get("reasoning_content")) or thought or None,
        reasoning=words(fields.get("reasoning")) or None,
        thinking_blocks=_entries(fields.get("thinking_blocks")),
        reasoning_details=_entries(fields.get("reasoning_details")),
        tool_calls=[_call(object_of(call)) for call in list_of(fields.get("tool_calls"))],
        function_call=_function(legacy) if legacy else None,
        extra_content=value(fields.get("extra_content")),
        provider_specific_fields=value(fields.get("provider_specific_fields")),
    )


def _content(raw: msgspec.Raw | None) -> tuple[str | None, str, str]:
    """Text, refusal and thinking of content, which may be a list of parts of each kind."""
    plain = text(raw)
    if raw is None or plain is not None:
        return plain, "", ""
    by_kind: dict[str, list[str]] = {"text": [], "refusal": [], "thought": []}
    for kind, piece in _parts(raw):
        by_kind[kind].append(piece)
    joined, refusal, thought = ("".join(pieces) for pieces in by_kind.values())
    return joined, refusal, thought


def _parts(raw: msgspec.Raw) -> Iterator[tuple[str, str]]:
    """Kind and words of each part; what is shown or heard has no place in a text."""
    for entry in list_of(raw):
        plain = text(entry)
        fields = object_of(entry)
        kind = text(fields.get("type")) or ""
        if plain is not None:
            yield "text", plain
        elif kind in _TEXTS:
            yield "text", words(entry)
        elif kind in _THOUGHTS:
            yield "thought", words(entry)
        elif kind == "refusal":
            yield "refusal", words(fields.get("refusal")) or words(entry)


def _entries(raw: msgspec.Raw | None) -> list[Any] | None:
    return [value(entry) for entry in list_of(raw)] if raw is not None else None


def _call(fields: Object) -> ToolCall:
    """One call; some servers leave `function` out and write its fields beside the id."""
    function = object_of(fields.get("function")) or (fields if "name" in fields else {})
    custom = object_of(fields.get("custom"))
    return ToolCall(
        index=whole_number(fields.get("index")),
        id=text(fields.get("id")),
        function=_function(function) if function else None,
        custom=Custom(text(custom.get("name")), json_text(custom.get("input"))) if custom else None,
        extra_content=value(fields.get("extra_content")),
        provider_specific_fields=value(fields.get("provider_specific_fields")),
    )


def _function(fields: Object) -> Function:
    arguments = next((fields[name] for name in _ARGUMENTS if name in fields), None)
    return Function(text(fields.get("name")), json_text(arguments))


_ARGUMENTS: Final = ("arguments", "input", "parameters")
