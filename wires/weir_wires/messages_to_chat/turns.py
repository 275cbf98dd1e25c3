"""Anthropic's system prompt and turns as a chat's messages.

The translation reads from one of the assistant's turns to the next and never looks further ahead,
so that a longer conversation begins with the same bytes as the shorter one it grew from.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from weir_wires import thinking
from weir_wires.bounds import MAX_CHAT_ID, ToolNames, fitting_id
from weir_wires.errors import InvalidBody
from weir_wires.messages_to_chat.parts import (
    Part,
    content,
    leave_out,
    not_carried,
    note_dropped,
    own_text,
    parts,
    text_of,
)
from weir_wires.messages_to_chat.shapes import Block, Message
from weir_wires.request_body import Body

Turn = dict[str, Any]

_ROLES: Final = frozenset({"user", "assistant", "system"})
_TOOL_USE: Final = "tool_use"
_TOOL_RESULT: Final = "tool_result"
_THINKING: Final = frozenset({"thinking", "redacted_thinking"})
_ERROR: Final = "Error: "  # the chat wire has no other place for `is_error`
_MEDIA_BELOW: Final = "(shown in the next message)"


def system(prompt: str | list[Block], body: Body) -> list[Turn]:
    """The system prompt as the first message; none where it is empty."""
    if isinstance(prompt, str):
        return [{"role": "system", "content": prompt}] if prompt else []
    system_parts = parts([(f"system[{i}]", block) for i, block in enumerate(prompt)], body)
    return [{"role": "system", "content": content(system_parts)}] if system_parts else []


def turns(messages: Sequence[Message], body: Body) -> list[Turn]:
    """All turns. Raises InvalidBody and NotCarried naming the block."""
    chat_turns: list[Turn] = []
    for assistant, run in groupby(_sides(messages), key=lambda side: side.role == "assistant"):
        chat_turns.extend((_assistants if assistant else _others)(list(run), body))
    return chat_turns


@dataclass(frozen=True, slots=True)
class _Side:
    """One message's blocks, each with its path."""

    role: str
    blocks: list[tuple[str, Block]]

    def has(self, kind: str) -> bool:
        return any(block.type == kind for _, block in self.blocks)


def _sides(messages: Sequence[Message]) -> Iterator[_Side]:
    for index, message in enumerate(messages):
        if message.role not in _ROLES:
            at = f"messages[{index}].role"
            raise InvalidBody(f"`{at}`: {message.role!r} is no role", param=at)
        yield _Side(message.role, list(_blocks(message, f"messages[{index}].content")))


def _assistants(run: list[_Side], body: Body) -> Iterator[Turn]:
    """The assistant's messages in a row: one where calls would stand apart from their results."""
    if any(side.has(_TOOL_USE) for side in run[:-1]):
        yield _assistant([pair for side in run for pair in side.blocks], body)
    else:
        yield from (_assistant(side.blocks, body) for side in run)


def _others(run: list[_Side], body: Body) -> Iterator[Turn]:
    """What comes between two of the assistant's turns: results first, as chat wants them."""
    media: list[Part] = []
    for at, block in (pair for side in run for pair in side.blocks):
        if block.type == _TOOL_RESULT:
            note_dropped(block, body)
            yield _result(block, at, media, body)
    for side in run:
        spoken = parts([pair for pair in side.blocks if pair[1].type != _TOOL_RESULT], body)
        if side.role == "system":
            if spoken:
                yield {"role": "system", "content": content(spoken)}
            continue
        shown, media = media, []
        if shown or spoken:
            yield {"role": "user", "content": content([*shown, *spoken])}
        elif not side.has(_TOOL_RESULT):
            yield {"role": "user", "content": ""}
    if media:
        yield {"role": "user", "content": content(media)}


def _blocks(message: Message, at: str) -> Iterator[tuple[str, Block]]:
    if isinstance(message.content, str):
        yield at, Block("text", text=message.content)
        return
    for index, block in enumerate(message.content):
        yield f"{at}[{index}]", block


def _result(block: Block, at: str, media: list[Part], body: Body) -> Turn:
    """A tool's answer as text; what it shows goes to `shown`, for it must come after all results.

    Chat's tool messages take text alone.
    """
    if block.tool_use_id is None:
        raise InvalidBody(
            f"`{at}.tool_use_id` is missing", param=f"{at}.tool_use_id", code="missing_field"
        )
    inner = [block.content] if isinstance(block.content, Block) else block.content
    if isinstance(inner, list):
        result_parts = parts(
            [(f"{at}.content[{i}]", inner_block) for i, inner_block in enumerate(inner)], body
        )
    else:
        result_parts = [{"type": "text", "text": inner}] if inner else []
    texts = [part["text"] for part in result_parts if part["type"] == "text"]
    other_parts = [part for part in result_parts if part["type"] != "text"]
    media.extend(other_parts)
    text = "\n".join(texts) or (_MEDIA_BELOW if other_parts else "")
    text = _ERROR + text if block.is_error else text
    return {
        "role": "tool",
        "tool_call_id": fitting_id(block.tool_use_id, MAX_CHAT_ID),
        "content": text,
    }


def _assistant(blocks: Sequence[tuple[str, Block]], body: Body) -> Turn:
    texts: list[str] = []
    calls: list[Turn] = []
    thinking_blocks: list[Block] = []
    for at, block in blocks:
        note_dropped(block, body)
        if block.type == "text":
            texts.append(text_of(block, at))
        elif block.type == "tool_use":
            calls.append(_call(block, at, body.names))
        elif block.type in _THINKING:
            thinking_blocks.append(block)
        elif not leave_out(block, body):
            text = own_text(block)
            if not text and block.type != "compaction":
                raise not_carried(block, at)
            texts.append(text)
    text = "".join(texts)
    turn: Turn = {"role": "assistant", "content": text if text or not calls else None}
    turn |= _reasoning(thinking_blocks, body)
    extras = _extras(thinking_blocks)
    turn |= extras.get("", {})
    calls = [call | extras.get(call["id"], {}) for call in calls]
    return turn | ({"tool_calls": calls} if calls else {})


def _extras(thinking_blocks: Sequence[Block]) -> dict[str, dict[str, Any]]:
    """What the provider wants back with its calls, by their ids (decision 136)."""
    extras: dict[str, dict[str, Any]] = {}
    for block in thinking_blocks:
        source = thinking.origin(block.data or "")
        if source is not None and source.field is thinking.ReasoningField.TOOL_CALLS:
            given = thinking.extras_in(source.signature)
            extras |= {fitting_id(id_, MAX_CHAT_ID): fields for id_, fields in given.items()}
    return extras


def _call(block: Block, at: str, names: ToolNames) -> Turn:
    if not block.id or not block.name:
        missing = f"{at}.{'name' if block.id else 'id'}"
        raise InvalidBody(f"`{missing}` is missing", param=missing, code="missing_field")
    try:
        arguments = bytes(block.input).decode() or "{}"
    except UnicodeDecodeError as error:
        raise InvalidBody(f"`{at}.input` is not UTF-8", param=f"{at}.input") from error
    function = {"name": names.fitting(block.name), "arguments": arguments}
    return {"id": fitting_id(block.id, MAX_CHAT_ID), "type": "function", "function": function}


def _reasoning(thinking_blocks: Sequence[Block], body: Body) -> Turn:
    """Thinking that a chat provider wrote, in the field it came in (decision 64)."""
    fields: Turn = {}
    for block in thinking_blocks:
        source = thinking.origin((block.data or block.signature) or "")
        if source is None:
            body.drop("messages[].content[].thinking")
        elif source.field is thinking.ReasoningField.TOOL_CALLS:
            continue
        elif source.field is thinking.ReasoningField.THINKING_BLOCKS:
            fields.setdefault(source.field.value, []).append(_signed_block(block, source.signature))
        elif source.field is thinking.ReasoningField.REASONING_DETAILS:
            fields.setdefault(source.field.value, []).append(_detail(block, source.signature))
        else:
            fields[source.field.value] = fields.get(source.field.value, "") + (block.thinking or "")
    return fields


def _signed_block(block: Block, signature: str) -> Part:
    if block.type == "redacted_thinking":
        return {"type": block.type, "data": signature}
    return {"type": block.type, "thinking": block.thinking or "", "signature": signature}


def _detail(block: Block, signature: str) -> Part:
    if block.type == "redacted_thinking":
        return {"type": "reasoning.encrypted", "data": signature}
    return {"type": "reasoning.text", "text": block.thinking or "", "signature": signature}
