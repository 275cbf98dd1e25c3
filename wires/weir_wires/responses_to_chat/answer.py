"""A whole chat completion as a response."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from weir_wires.chat_answer import ChatMessage, Finish, ToolCall, read_whole
from weir_wires.errors import Untranslatable
from weir_wires.responses_to_chat.call_items import call_item, id_prefix
from weir_wires.responses_to_chat.output import (
    COMPLETED,
    INCOMPLETE,
    Item,
    cut_short,
    ending,
    message_item,
    reasoning_item,
    reasoning_of,
    response,
)
from weir_wires.responses_to_chat.reasoning import CALL_EXTRAS
from weir_wires.responses_to_chat.tool_names import ToolNames
from weir_wires.usage.openai import read_chat


def translate(body: bytes, created: int, echo: Mapping[str, Any], names: ToolNames) -> bytes:
    """The response; `created` in seconds since 1970. Raises MalformedResponse."""
    completion, choice = read_whole(body)
    finish = choice.finish
    end = ending(finish, read_chat(completion))
    message = choice.any_message or ChatMessage()
    name = completion.id or "answer"
    output = list(_items(name, message, finish, names))
    fields = response(
        f"resp_{name}", completion.created or created, completion.model or "", echo, output
    )
    return msgspec.json.encode(fields | end)


def unique_id(call_id: str | None, used: set[str], number: int, name: str) -> str:
    """A call's id, its own where no other call of the answer has it."""
    candidate = call_id or f"call_{name}_{number}"
    candidate = candidate if candidate not in used else f"{candidate}_{number}"
    used.add(candidate)
    return candidate


def _items(
    name: str, message: ChatMessage, finish: Finish | None, names: ToolNames
) -> Iterator[Item]:
    status = COMPLETED if cut_short(finish) is None else INCOMPLETE
    calls = message.calls
    ids = _ids(name, calls)
    reasoning = reasoning_of(message)
    extras = {id_: call.extras for id_, call in zip(ids, calls, strict=True) if call.extras}
    extras |= {"": message.extras} if message.extras else {}
    reasoning |= {CALL_EXTRAS: extras} if extras else {}
    if reasoning:
        yield reasoning_item(f"rs_{name}", reasoning)
    if message.content or message.refusal or not calls:
        text = message.content or ("" if not message.refusal else None)
        yield message_item(f"msg_{name}", text, message.refusal, status)
    for number, (call_id, call) in enumerate(zip(ids, calls, strict=True)):
        if not call.name:
            raise Untranslatable("the provider's answer calls a tool without a name")
        tool = names.tool(call.name)
        item_id = f"{id_prefix(tool)}_{name}_{number}"
        yield call_item(item_id, call_id, tool, call.arguments, status)


def _ids(name: str, calls: Sequence[ToolCall]) -> list[str]:
    used: set[str] = set()
    return [unique_id(call.id, used, number, name) for number, call in enumerate(calls)]
