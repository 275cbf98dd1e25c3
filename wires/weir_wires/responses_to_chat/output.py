"""The parts of a Responses answer, whole or streamed: items, usage, the response around them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from weir_wires.chat_answer import ChatMessage, Finish
from weir_wires.content import Usage
from weir_wires.errors import MalformedResponse
from weir_wires.responses_to_chat.reasoning import SIGNED_FIELDS, TEXT_FIELDS, encode_reasoning
from weir_wires.usage.openai import write_responses

Item = dict[str, Any]

COMPLETED: Final = "completed"
INCOMPLETE: Final = "incomplete"
IN_PROGRESS: Final = "in_progress"
_CUT_SHORT: Final[Mapping[Finish | None, str]] = {
    Finish.LENGTH: "max_output_tokens",
    Finish.FILTER: "content_filter",
}


def cut_short(finish: Finish | None) -> str | None:
    """Why an answer is incomplete; None where it is whole."""
    return _CUT_SHORT.get(finish)


def reasoning_of(message: ChatMessage) -> dict[str, Any]:
    """The fields of a message that hold reasoning."""
    fields = {name: getattr(message, name) for name in (*TEXT_FIELDS, *SIGNED_FIELDS)}
    return {name: value for name, value in fields.items() if value}


def reasoning_item(id_: str, fields: Mapping[str, Any]) -> Item:
    """A reasoning item: its text to read, and everything sealed to be given back."""
    text = next((fields[name] for name in TEXT_FIELDS if fields.get(name)), "")
    content = [{"type": "reasoning_text", "text": text}] if text else []
    return {
        "id": id_,
        "type": "reasoning",
        "summary": [],
        "content": content,
        "encrypted_content": encode_reasoning(fields),
        "status": COMPLETED,
    }


def message_item(id_: str, text: str | None, refusal: str | None, status: str) -> Item:
    """An assistant's message."""
    content = [text_part(text)] if text is not None else []
    content += [{"type": "refusal", "refusal": refusal}] if refusal else []
    return {
        "id": id_,
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def text_part(text: str) -> Item:
    """The part of a message that is text."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def response(
    id_: str, created: int, model: str, echo: Mapping[str, Any], output: Sequence[Item]
) -> dict[str, Any]:
    """A response that is not over; its usage and its end are put over it."""
    return {
        "id": id_,
        "object": "response",
        "created_at": created,
        "status": IN_PROGRESS,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": model,
        "output": list(output),
        "previous_response_id": None,
        "store": False,
        "usage": None,
        **echo,
    }


def ending(finish: Finish | None, usage: Usage | None) -> dict[str, Any]:
    """How a response ended, to be put over it.

    Raises MalformedResponse where the server gave up.
    """
    if finish is Finish.FAILED:
        raise MalformedResponse("the provider gave up before the answer was complete")
    reason = cut_short(finish)
    fields: dict[str, Any] = {"status": COMPLETED if reason is None else INCOMPLETE}
    fields |= {"incomplete_details": {"reason": reason}} if reason is not None else {}
    return fields | {"usage": None if usage is None else write_responses(usage)}
