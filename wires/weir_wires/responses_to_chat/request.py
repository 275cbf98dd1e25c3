"""An OpenAI Responses request as a chat completion's.

The body begins with what a conversation keeps (model, tools, messages) and ends with what may
change from one request to the next, so that providers' prompt caches still hit.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from weir_wires.errors import InvalidBody
from weir_wires.model_features import takes_reasoning_effort
from weir_wires.request_body import Body
from weir_wires.responses_to_chat import options
from weir_wires.responses_to_chat.items import Messages
from weir_wires.responses_to_chat.shapes import Item

# What a response says back of its request, and what it says where that was left out.
ECHOED: Final[dict[str, Any]] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "reasoning": {"effort": None, "summary": None},
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "truncation": "disabled",
}
_OWN: Final = ("model",)  # fields that the gateway itself sets
_STREAM: Final = {"stream": True, "stream_options": {"include_usage": True}}

_INPUT: Final = msgspec.json.Decoder(str | list[Item])
_TEXT: Final = msgspec.json.Decoder(str)
_FLAG: Final = msgspec.json.Decoder(bool)
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Translated:
    """The body, what was left out, and what the response says back of the request."""

    body: bytes
    dropped: tuple[str, ...]
    echo: dict[str, Any]


def translate_request(client_body: bytes, model: str, *, effort: bool = False) -> Translated:
    """`client_body` for `model`; with `effort` it knows `reasoning_effort` whatever its name is.

    Raises NotCarried and InvalidBody naming the field.
    """
    body = Body(client_body)
    for name in _OWN:
        body.raw(name)
    options.refuse(body)
    fields = _conversation(body, model, effort=effort)
    fields |= _STREAM if body.take("stream", _FLAG) else {}
    options.leave_out(body)
    return Translated(msgspec.json.encode(fields), body.drop_rest(), _echo(client_body))


def _conversation(body: Body, model: str, *, effort: bool) -> dict[str, Any]:
    offered = options.tools(body)
    fields: dict[str, Any] = {"model": model}
    fields |= {"tools": offered} if offered else {}
    fields["messages"] = _messages(body)
    fields |= options.limit(body, model)
    fields |= options.choice(body, offered=bool(offered))
    fields |= options.reasoning(body, known=effort or takes_reasoning_effort(model)) | options.text(
        body
    )
    return fields | options.sampling(body) | options.same(body)


def _messages(body: Body) -> list[dict[str, Any]]:
    gathered = Messages(body)
    instructions = body.take("instructions", _TEXT)
    if instructions:
        gathered.add_message("system", instructions)
    input_given = body.need("input", _INPUT)
    if not input_given:
        raise InvalidBody("`input` is empty: write something", param="input")
    if isinstance(input_given, str):
        gathered.add_message("user", input_given)
    else:
        gathered.read(input_given)
    return gathered.messages


def _echo(client_body: bytes) -> dict[str, Any]:
    fields = _FIELDS.decode(client_body)
    return {
        name: fields[name] if bytes(fields.get(name, b"null")) != b"null" else otherwise
        for name, otherwise in ECHOED.items()
    }
