"""Gemini's whole answer as an OpenAI chat completion."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from weir_wires.chat_to_gemini.tool_names import ToolNames
from weir_wires.errors import MalformedResponse
from weir_wires.gemini.shapes import Answer, Blob, Candidate, Part
from weir_wires.provider_json import decode_strictly
from weir_wires.usage import gemini
from weir_wires.usage.openai import write_chat

_ANSWER: Final = msgspec.json.Decoder(Answer)
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_FINISHED: Final = {
    "STOP": "stop",
    "FINISH_REASON_UNSPECIFIED": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
}
# The model's own failures: what it wrote is no answer.
_FAILED: Final = frozenset(
    {
        *("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"),
        *("MISSING_THOUGHT_SIGNATURE", "MALFORMED_RESPONSE"),
    }
)
_FILTERED: Final = "content_filter"
_IMAGE: Final = "image/"


class Gathered:
    """What one candidate says, gathered in the chat wire's fields."""

    def __init__(self, names: ToolNames, answer: str) -> None:
        """`answer` is its id, from which calls get theirs that have none."""
        self.calls = 0
        self.anything = False
        self._names = names
        self._answer = answer

    def fields(self, parts: Iterable[Part]) -> dict[str, Any]:
        """The message that `parts` say, or in a stream what they add to it."""
        content: list[str] = []
        thoughts: list[str] = []
        calls: list[dict[str, Any]] = []
        images: list[dict[str, Any]] = []
        fields: dict[str, Any] = {}
        for part in parts:
            if part.function_call is not None:
                calls.append(self._call(part))
                continue
            if part.thought_signature:
                fields["extra_content"] = _signed(part.thought_signature)
            if part.inline_data is not None and not part.thought:
                images.extend(_image(part.inline_data, len(images)))
            (thoughts if part.thought else content).append(part.words)
        texts = {"content": "".join(content), "reasoning_content": "".join(thoughts)}
        fields |= {name: text for name, text in texts.items() if text}
        fields |= {"tool_calls": calls} if calls else {}
        fields |= {"images": images} if images else {}
        self.anything = self.anything or bool(fields)
        return fields

    def _call(self, part: Part) -> dict[str, Any]:
        call = part.function_call
        if call is None or not call.name:
            raise MalformedResponse("a function call of the provider has no name")
        try:
            arguments = bytes(call.args).decode()
        except UnicodeDecodeError as error:
            raise MalformedResponse("a function call's arguments are not UTF-8") from error
        arguments = arguments if arguments not in {"", "null"} else "{}"
        fields: dict[str, Any] = {
            "id": call.id or f"call_{self._answer}_{self.calls}",
            "type": "function",
            "function": {"name": self._names.own(call.name), "arguments": arguments},
        }
        if part.thought_signature:
            fields["extra_content"] = _signed(part.thought_signature)
        self.calls += 1
        return fields


def translate(body: bytes, created: int, names: ToolNames) -> bytes:
    """The completion; `created` in seconds since 1970. Raises MalformedResponse."""
    answer = read(body)
    candidates = answer.candidates or []
    choices = [_choice(each, n, answer, names) for n, each in enumerate(candidates)]
    completion: dict[str, Any] = {
        "id": answer.response_id or "",
        "object": "chat.completion",
        "created": created,
        "model": answer.model_version or "",
        "choices": choices or [_blocked(answer)],
    }
    usage = gemini.read(answer.usage_metadata)
    fields = {"usage": write_chat(usage)} if usage is not None else {}
    return msgspec.json.encode(completion | fields)


def read(data: bytes) -> Answer:
    """Decode an answer or an event. Raises MalformedResponse, with the provider's words."""
    if data.lstrip()[:1] == b"[":
        data = _first(data)
    answer = decode_strictly(_ANSWER, data, "answer of Gemini's")
    if answer.error:
        raise MalformedResponse(_error_text(answer.error))
    return answer


def parts_of(candidate: Candidate) -> Sequence[Part]:
    """What it says."""
    return (candidate.content.parts if candidate.content is not None else None) or ()


def finish_reason(candidate: Candidate, gathered: Gathered) -> str:
    """Why it stopped, in OpenAI's words.

    Raises MalformedResponse where the model failed and wrote nothing.
    """
    reason = candidate.finish_reason or ""
    if reason in _FAILED and not gathered.anything:
        detail = candidate.finish_message or "it wrote nothing that can be used"
        raise MalformedResponse(f"the model failed ({reason}): {detail}")
    finish = _FINISHED.get(reason, "stop")
    return "tool_calls" if finish == "stop" and gathered.calls else finish


def refusal(answer: Answer) -> str | None:
    """Why the prompt was blocked; None where it wasn't."""
    feedback = answer.prompt_feedback
    if feedback is None or not feedback.block_reason:
        return None
    return feedback.block_reason_message or f"The prompt was blocked: {feedback.block_reason}"


def withheld(candidate: Candidate) -> str:
    """Why an answer was withheld, for the client's `refusal`."""
    return candidate.finish_message or f"The answer was withheld: {candidate.finish_reason}"


def _choice(candidate: Candidate, n: int, answer: Answer, names: ToolNames) -> dict[str, Any]:
    gathered = Gathered(names, answer.response_id or "")
    fields = gathered.fields(parts_of(candidate))
    finish = finish_reason(candidate, gathered)
    message: dict[str, Any] = {"role": "assistant", "content": None if gathered.calls else ""}
    message["refusal"] = (
        withheld(candidate) if finish == _FILTERED and "content" not in fields else None
    )
    return {
        "index": n if candidate.index is None else candidate.index,
        "message": message | fields,
        "logprobs": None,
        "finish_reason": finish,
    }


def _blocked(answer: Answer) -> dict[str, Any]:
    """The choice of an answer that has none. Raises MalformedResponse unless it was blocked."""
    why = refusal(answer)
    if why is None:
        raise MalformedResponse("the provider's answer has no candidate")
    message = {"role": "assistant", "content": None, "refusal": why}
    return {"index": 0, "message": message, "logprobs": None, "finish_reason": _FILTERED}


def _image(blob: Blob, number: int) -> list[dict[str, Any]]:
    if not blob.data or not (blob.mime_type or "").startswith(_IMAGE):
        return []
    url = f"data:{blob.mime_type};base64,{blob.data}"
    return [{"index": number, "type": "image_url", "image_url": {"url": url}}]


def _signed(signature: str) -> dict[str, Any]:
    return {"google": {"thought_signature": signature}}


def _first(data: bytes) -> bytes:
    """The first of a list, as some errors come."""
    try:
        return next(iter(map(bytes, _LIST.decode(data))), b"{}")
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedResponse(f"what the provider sent is no answer: {error}") from error


def _error_text(error: object) -> str:
    value = msgspec.to_builtins(error)
    if isinstance(value, dict):
        value = value.get("message", value)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - JSON of any shape
    return str(value)  # pyright: ignore[reportUnknownArgumentType] - JSON of any shape
