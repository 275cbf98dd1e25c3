"""Reasoning in a chat message: its text, and the entries that a provider signs or encrypts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from weir_wires.chat_answer.shapes import ChatMessage
from weir_wires.thinking import ReasoningField


@dataclass(frozen=True, slots=True)
class Entry:
    """One of `thinking_blocks` or `reasoning_details`."""

    text: str
    signature: str
    data: str  # what its provider alone can read


def signed_entries(message: ChatMessage) -> Iterator[tuple[ReasoningField, Entry]]:
    """The entries that have a signature or encrypted data, and the field they are from."""
    if message.thinking_blocks:
        yield from _signed(ReasoningField.THINKING_BLOCKS, message.thinking_blocks)
    elif message.reasoning_details:
        yield from _signed(ReasoningField.REASONING_DETAILS, message.reasoning_details)


def text_entry(message: ChatMessage) -> tuple[ReasoningField, str] | None:
    """Unsigned reasoning and the field it is in. Some servers write it into both fields."""
    if message.reasoning_content:
        return ReasoningField.REASONING_CONTENT, message.reasoning_content
    if message.reasoning:
        return ReasoningField.REASONING, message.reasoning
    return None


def _signed(field: ReasoningField, entries: list[Any]) -> Iterator[tuple[ReasoningField, Entry]]:
    for fields in entries:
        if isinstance(fields, dict):
            text = _text(fields, "thinking") or _text(fields, "text")
            entry = Entry(text, _text(fields, "signature"), _text(fields, "data"))
            if entry.signature or entry.data:
                yield field, entry


def _text(fields: Any, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""
