"""A whole chat completion as a response."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from weir_wires.errors import MalformedResponse
from weir_wires.responses_to_chat.output import (
    COMPLETED,
    INCOMPLETE,
    CallFunction,
    Item,
    Said,
    ToolCall,
    Usage,
    call_item,
    cut_short,
    ending,
    error_in,
    message_item,
    reasoning_item,
    reasoning_of,
    response,
)


class _Choice(msgspec.Struct):
    message: Said | None = None
    finish_reason: str | None = None


class _Completion(msgspec.Struct):
    """The answer, or an error in its place."""

    id: str | None = None
    created: int | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: Usage | None = None
    error: Any = None


_COMPLETION: Final = msgspec.json.Decoder(_Completion)


def translate(body: bytes, created: int, echo: Mapping[str, Any]) -> bytes:
    """The response; `created` in seconds since 1970. Raises MalformedResponse."""
    told = _decode(body)
    choice = (told.choices or [])[0]
    said = choice.message or Said()
    name = told.id or "answer"
    output = list(_items(name, said, choice.finish_reason))
    made = response(f"resp_{name}", told.created or created, told.model or "", echo, output)
    return msgspec.json.encode(made | ending(choice.finish_reason, told.usage))


def unique(call_id: str | None, taken: set[str], number: int, name: str) -> str:
    """A call's id, its own where no other call of the answer has it."""
    made = call_id or f"call_{name}_{number}"
    made = made if made not in taken else f"{made}_{number}"
    taken.add(made)
    return made


def _decode(body: bytes) -> _Completion:
    try:
        told = _COMPLETION.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedResponse(f"the provider's answer is no chat completion: {error}") from error
    if told.error is not None:
        raise error_in(told.error)
    if not told.choices:
        raise MalformedResponse("the provider's answer has no choices")
    return told


def _items(name: str, said: Said, finish: str | None) -> Iterator[Item]:
    status = COMPLETED if cut_short(finish) is None else INCOMPLETE
    reasoning = reasoning_of(said)
    if reasoning:
        yield reasoning_item(f"rs_{name}", reasoning)
    calls = said.tool_calls or ()
    if said.content or said.refusal or not calls:
        text = said.content or ("" if not said.refusal else None)
        yield message_item(f"msg_{name}", text, said.refusal, status)
    yield from _calls(name, calls, status)


def _calls(name: str, calls: Sequence[ToolCall], status: str) -> Iterator[Item]:
    taken: set[str] = set()
    for number, call in enumerate(calls):
        function = call.function or CallFunction()
        if not function.name:
            raise MalformedResponse("the provider's answer calls a tool without a name")
        call_id = unique(call.id, taken, number, name)
        arguments = function.arguments or ""
        yield call_item(f"fc_{name}_{number}", call_id, function.name, arguments, status)
