"""OpenAI's responses as a domain Request. Must not know aiohttp or what a provider keeps.

`input` is a text or a list of items; only messages of the user are the user's own turns.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from weir_gateway.domain.errors import BadRequest
from weir_gateway.domain.request import Request
from weir_gateway.http.parse.request_facts import RequestFacts, build_request, decode, read_content
from weir_wires.wire import Wire

KINDS: Final = {
    "input_text": "text",
    "output_text": "text",
    "text": "text",
    "input_image": "image",
}
SYSTEM: Final = frozenset({"system", "developer"})
KEPT: Final = "item_reference"  # an item that the provider keeps


class _Item(msgspec.Struct):
    type: str = "message"
    role: str = ""
    content: Any = None
    output: Any = None
    arguments: Any = None


class _Format(msgspec.Struct):
    type: str = "text"


class _Text(msgspec.Struct):
    format: _Format | None = None


class _Responses(msgspec.Struct):
    model: str
    input: str | list[_Item] | None = None
    instructions: Any = None
    stream: bool | None = None
    tools: list[msgspec.Raw] | None = None
    text: _Text | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    user: str | None = None
    previous_response_id: str | None = None
    conversation: Any = None
    background: bool | None = None
    store: Any = None


_DECODER = msgspec.json.Decoder(_Responses)


def parse(body: bytes, headers: Mapping[str, str]) -> Request:
    """Read one request. Raises BadRequest naming the field and what to write."""
    asked = decode(_DECODER, body)
    reading = RequestFacts()
    if isinstance(asked.instructions, str):
        reading.system.append(asked.instructions)
        reading.chars += len(asked.instructions)
    if isinstance(asked.input, str):
        reading.messages = 1
        reading.user_turns.append(asked.input)
        reading.chars += len(asked.input)
    elif asked.input is not None:
        _read(asked.input, reading)
    if asked.tools:
        reading.add_tools(asked.tools)
    form = asked.text.format if asked.text is not None else None
    reading.json_schema = form is not None and form.type == "json_schema"
    reading.max_tokens = asked.max_output_tokens or 0
    reading.temperature = asked.temperature
    reading.user = asked.user or ""
    reading.stores = asked.store is not False  # the API's default is to
    kept = asked.previous_response_id is not None or asked.conversation is not None
    reading.state = reading.state or kept or bool(asked.background)
    return build_request(
        Wire.OPENAI_RESPONSES, body, headers, asked.model, reading, stream=bool(asked.stream)
    )


def _read(items: Sequence[_Item], reading: RequestFacts) -> None:
    if not items:
        raise BadRequest("`input` is empty: write at least one item", param="input")
    reading.messages = len(items)
    for index, item in enumerate(items):
        if item.type == KEPT:
            reading.state = True
        elif item.type != "message":
            reading.chars += len(item.arguments) if isinstance(item.arguments, str) else 0
            read_content(f"input[{index}].output", _told(item.output), KINDS, reading)
            continue
        text, _ = read_content(f"input[{index}].content", item.content, KINDS, reading)
        if item.role == "user":
            reading.user_turns.append(text)
        elif item.role in SYSTEM:
            reading.system.append(text)


def _told(output: object) -> object:
    """A call's output where it is text or parts; other items have outputs of their own kinds."""
    return output if isinstance(output, str | list) else None  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
