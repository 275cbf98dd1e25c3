"""What a Responses request asks for beside its input, on the chat wire."""

from typing import Any, Final

import msgspec

from weir_wires.errors import InvalidBody, NotCarried
from weir_wires.model_features import takes_reasoning_effort
from weir_wires.request_body import Body
from weir_wires.responses_to_chat.shapes import Format, Reasoning, Text

_FORMAT_NAME: Final = "answer"
_LOGPROBS: Final = "message.output_text.logprobs"

_ANY: Final = msgspec.json.Decoder(Any)
_TEXT: Final = msgspec.json.Decoder(Text)
_REASONING: Final = msgspec.json.Decoder(Reasoning)
_WHOLE: Final = msgspec.json.Decoder(int)
_NUMBER: Final = msgspec.json.Decoder(float)
_NAMES: Final = msgspec.json.Decoder(list[str])

_KEEPS_STATE: Final = "asks for what only its own provider keeps: send the whole input"
# Refused where the client asks for something by them: what asks for nothing, and why.
_MUST_BE_IDLE: Final[dict[str, tuple[tuple[Any, ...], str]]] = {
    "previous_response_id": ((), _KEEPS_STATE),
    "conversation": ((), _KEEPS_STATE),
    "prompt": ((), _KEEPS_STATE),
    "background": ((False,), "can't be carried to this model"),
    "moderation": ((), "can't be carried to this model"),
    "top_logprobs": ((0,), "can't be carried to this model"),
}
_PARALLEL: Final = "parallel_tool_calls"
# Names and meanings are the same on the chat wire.
SAME: Final = (
    _PARALLEL,
    "user",
    "safety_identifier",
    "service_tier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
)
_IDLE: Final[dict[str, tuple[Any, ...]]] = {
    "store": (False,),
    "truncation": ("disabled",),
    "metadata": ({},),
    "stream_options": ({}, {"include_obfuscation": False}, {"include_obfuscation": True}),
}


def refuse(body: Body) -> None:
    """Raise NotCarried for the first field that asks for what the chat wire can't do."""
    for name, (idle, why) in _MUST_BE_IDLE.items():
        option = body.take(name, _ANY)
        if option is not None and option not in idle:
            raise NotCarried(f"`{name}` {why}", param=name)
    if _LOGPROBS in (body.take("include", _NAMES) or ()):
        raise NotCarried("`include`: log probabilities can't be carried", param="include")


def leave_out(body: Body) -> None:
    """Note what is left out, unless it asks for nothing."""
    for name, idle in _IDLE.items():
        option = body.take(name, _ANY)
        if option is not None and option not in idle:
            body.drop(name)


def text(body: Body) -> dict[str, Any]:
    """The answer's form."""
    text_options = body.take("text", _TEXT) or Text()
    fields = _response_format(text_options.format) if text_options.format is not None else {}
    return fields | (
        {"verbosity": text_options.verbosity} if text_options.verbosity is not None else {}
    )


def reasoning(body: Body, *, known: bool) -> dict[str, Any]:
    """How hard to think, where the field is `known`: some servers refuse what they don't know.

    The text of thoughts comes unasked, where the provider gives it.
    """
    options = body.take("reasoning", _REASONING) or Reasoning()
    if options.effort is None:
        return {}
    if not known:
        body.drop("reasoning.effort")
        return {}
    return {"reasoning_effort": options.effort}


def limit(body: Body, model: str) -> dict[str, Any]:
    """The most tokens, in the words that `model`'s servers know."""
    limit = body.take("max_output_tokens", _WHOLE)
    if limit is None:
        return {}
    if limit < 1:
        raise InvalidBody("`max_output_tokens` must be at least 1", param="max_output_tokens")
    return {"max_completion_tokens" if takes_reasoning_effort(model) else "max_tokens": limit}


def sampling(body: Body) -> dict[str, Any]:
    """Temperature and top_p."""
    requested = {name: body.take(name, _NUMBER) for name in ("temperature", "top_p")}
    return {name: value for name, value in requested.items() if value is not None}


def same(body: Body, *, offered: bool) -> dict[str, Any]:
    """What goes on as the client wrote it; how to call tools only where some are `offered`."""
    requested = {name: body.raw(name) for name in SAME}
    if not offered and requested.pop(_PARALLEL) is not None:
        body.drop(_PARALLEL)
    return {name: value for name, value in requested.items() if value is not None}


def _response_format(format_: Format) -> dict[str, Any]:
    if format_.type == "text":
        return {}
    if format_.type != "json_schema":
        return {"response_format": {"type": format_.type}}
    if not _present(format_.schema):
        at = "text.format.schema"
        raise InvalidBody(f"`{at}` is missing", param=at, code="missing_field")
    schema: dict[str, Any] = {"name": format_.name or _FORMAT_NAME}
    schema |= {"description": format_.description} if format_.description is not None else {}
    schema["schema"] = format_.schema
    schema |= {"strict": format_.strict} if format_.strict is not None else {}
    return {"response_format": {"type": format_.type, "json_schema": schema}}


def _present(raw: msgspec.Raw) -> bool:
    return bytes(raw) not in {b"", b"null"}
