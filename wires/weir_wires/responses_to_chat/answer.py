"""A whole chat completion as a response."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from weir_wires.errors import MalformedResponse
from weir_wires.provider_json import decode_strictly
from weir_wires.responses_to_chat.call_items import call_item, id_prefix
from weir_wires.responses_to_chat.output import (
    COMPLETED,
    INCOMPLETE,
    CallFunction,
    ChatMessage,
    Item,
    ToolCall,
    cut_short,
    ending,
    error_in,
    message_item,
    reasoning_item,
    reasoning_of,
    response,
)
from weir_wires.responses_to_chat.tool_names import ToolNames
from weir_wires.usage.openai import read_chat


class _Choice(msgspec.Struct):
    message: ChatMessage | None = None
    finish_reason: str | None = None
    usage: Any = None


class _Completion(msgspec.Struct):
    """The answer, or an error in its place."""

    id: str | None = None
    created: int | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: Any = None
    x_groq: Any = None
    service_tier: Any = None
    error: Any = None


_COMPLETION: Final = msgspec.json.Decoder(_Completion)


def translate(body: bytes, created: int, echo: Mapping[str, Any], names: ToolNames) -> bytes:
    """The response; `created` in seconds since 1970. Raises MalformedResponse."""
    completion = _decode(body)
    choice = (completion.choices or [])[0]
    message = choice.message or ChatMessage()
    name = completion.id or "answer"
    output = list(_items(name, message, choice.finish_reason, names))
    fields = response(
        f"resp_{name}", completion.created or created, completion.model or "", echo, output
    )
    return msgspec.json.encode(fields | ending(choice.finish_reason, read_chat(completion)))


def unique_id(call_id: str | None, used: set[str], number: int, name: str) -> str:
    """A call's id, its own where no other call of the answer has it."""
    candidate = call_id or f"call_{name}_{number}"
    candidate = candidate if candidate not in used else f"{candidate}_{number}"
    used.add(candidate)
    return candidate


def _decode(body: bytes) -> _Completion:
    completion = decode_strictly(_COMPLETION, body, "chat completion")
    if completion.error is not None:
        raise error_in(completion.error)
    if not completion.choices:
        raise MalformedResponse("the provider's answer has no choices")
    return completion


def _items(name: str, message: ChatMessage, finish: str | None, names: ToolNames) -> Iterator[Item]:
    status = COMPLETED if cut_short(finish) is None else INCOMPLETE
    reasoning = reasoning_of(message)
    if reasoning:
        yield reasoning_item(f"rs_{name}", reasoning)
    calls = message.tool_calls or ()
    if message.content or message.refusal or not calls:
        text = message.content or ("" if not message.refusal else None)
        yield message_item(f"msg_{name}", text, message.refusal, status)
    yield from _calls(name, calls, status, names)


def _calls(name: str, calls: Sequence[ToolCall], status: str, names: ToolNames) -> Iterator[Item]:
    used: set[str] = set()
    for number, call in enumerate(calls):
        function = call.function or CallFunction()
        if not function.name:
            raise MalformedResponse("the provider's answer calls a tool without a name")
        call_id = unique_id(call.id, used, number, name)
        arguments = function.arguments or ""
        tool = names.tool(function.name)
        yield call_item(f"{id_prefix(tool)}_{name}_{number}", call_id, tool, arguments, status)
