"""OpenAI's whole chat completion as an answer of Gemini's."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from weir_wires.bounds import ToolNames
from weir_wires.chat_answer import (
    Call,
    CallPieces,
    ChatMessage,
    Choice,
    Completion,
    Finish,
    read_whole,
    signed_entries,
    text_entry,
)
from weir_wires.content import Usage
from weir_wires.errors import MalformedResponse, Untranslatable
from weir_wires.gemini_to_chat.signatures import NO_SIGNATURE, marked
from weir_wires.request_body import tool_input
from weir_wires.usage import gemini
from weir_wires.usage.openai import read_chat

Part = dict[str, Any]  # as it goes out

_FINISHED: Final = {
    Finish.STOP: "STOP",
    Finish.CALLS: "STOP",
    Finish.LENGTH: "MAX_TOKENS",
    Finish.FILTER: "SAFETY",
}


def translate(body: bytes, names: ToolNames) -> bytes:
    """The answer. Raises MalformedResponse."""
    completion, first = read_whole(body)
    choices = completion.choices or [first]
    choices = sorted(choices, key=lambda choice: choice.index or 0)
    candidates = [_candidate(each, n, completion.id, names) for n, each in enumerate(choices)]
    return msgspec.json.encode(answer(completion, candidates, read_chat(completion)))


def answer(
    completion: Completion, candidates: list[dict[str, Any]], usage: Usage | None
) -> dict[str, Any]:
    """An answer, or one event of a stream."""
    fields: dict[str, Any] = {"candidates": candidates}
    fields |= {"usageMetadata": gemini.write(usage)} if usage is not None else {}
    return fields | {
        "modelVersion": completion.model or "",
        "responseId": completion.id or "",
    }


def candidate(index: int, parts: list[Part], finish: str | None = None) -> dict[str, Any]:
    """One of the answers, or what an event adds to it."""
    fields: dict[str, Any] = {"content": {"role": "model", "parts": parts}}
    fields |= {"finishReason": finish} if finish is not None else {}
    return fields | {"index": index}


def finish_reason(choice: Choice, *, refused: bool) -> str:
    """Why it stopped, in Gemini's words. Raises MalformedResponse where its server gave up."""
    finish = choice.finish or Finish.STOP
    finish = Finish.FILTER if refused and finish is Finish.STOP else finish
    if finish is Finish.FAILED:
        raise MalformedResponse("the provider gave up half-way")
    return _FINISHED[finish]


def thoughts(message: ChatMessage, *, shown: bool = False) -> Iterator[Part]:
    """Each piece of reasoning with the mark of where it came from.

    `shown`: the text of what is signed here was sent before.
    """
    plain = text_entry(message)
    if plain is not None:
        yield thought(plain[1], marked(plain[0]))
    for field, entry in signed_entries(message):
        if entry.data:
            yield thought("", marked(field, data=entry.data))
        else:
            text = "" if shown or plain is not None else entry.text
            yield thought(text, marked(field, signature=entry.signature))


def thought(text: str, signature: str) -> Part:
    return {"text": text, "thought": True, "thoughtSignature": signature}


def text_part(text: str, message: ChatMessage) -> Part:
    """Text with the signature that a Gemini gave it."""
    signature = signature_in(message.extras)
    return {"text": text} | ({"thoughtSignature": signature} if signature else {})


def call_parts(calls: Iterable[Call], answer_id: str | None, names: ToolNames) -> list[Part]:
    """The calls, each with an id of its own.

    The first one says that no Gemini made it, where that is so.
    """
    taken = set[str]()
    made = (call for call in calls if call.name or call.nameless)
    parts = [
        _call(call, f"call_{answer_id or 'unnamed'}_{n}", taken) for n, call in enumerate(made)
    ]
    for part in parts:
        part["functionCall"]["name"] = names.own(part["functionCall"]["name"])
    if parts and "thoughtSignature" not in parts[0]:
        parts[0]["thoughtSignature"] = NO_SIGNATURE
    return parts


def signature_in(extras: dict[str, Any]) -> str:
    """Gemini's signature in what a provider added; empty where there is none."""
    google: Any = extras.get("extra_content")
    for name in ("google", "thought_signature"):
        google = google.get(name) if isinstance(google, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - JSON of any shape
    return google if isinstance(google, str) else ""


def _candidate(
    choice: Choice, number: int, answer_id: str | None, names: ToolNames
) -> dict[str, Any]:
    message = choice.any_message or ChatMessage()
    pieces = CallPieces()
    pieces.take(message.calls)
    parts = list(thoughts(message))
    text = (message.content or "") + (message.refusal or "")
    calls = call_parts(pieces.calls, answer_id, names)
    if text or signature_in(message.extras) or not calls:
        parts.append(text_part(text, message))
    finish = finish_reason(choice, refused=bool(message.refusal))
    return candidate(number, parts + calls, finish)


def _call(call: Call, own_id: str, taken: set[str]) -> Part:
    if not call.name:
        raise Untranslatable("a tool call of the provider has no name")
    call.rest()
    unique_id = call.id if call.id and call.id not in taken else own_id
    taken.add(unique_id)
    fields = {"id": unique_id, "name": call.name, "args": tool_input(call.arguments)}
    signature = signature_in(call.extras)
    return {"functionCall": fields} | ({"thoughtSignature": signature} if signature else {})
