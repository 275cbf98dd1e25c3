"""Parses OpenAI's responses requests.

`input` is a text or a list of items; only messages with role `user` are the user's own turns.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from weir_gateway.domain.errors import BadRequest
from weir_gateway.domain.request import Request
from weir_gateway.http.parse.agent_items import ResponsesItem, read_item
from weir_gateway.http.parse.request_facts import RequestFacts, build_request, decode, read_content
from weir_wires.wire import Wire

KINDS: Final = {
    "input_text": "text",
    "output_text": "text",
    "text": "text",
    "input_image": "image",
}
SYSTEM: Final = frozenset({"system", "developer"})
STORED_ITEM: Final = "item_reference"  # an item stored at the provider


class _Item(ResponsesItem):
    role: str = ""
    content: Any = None
    tools: Any = None


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
    """Parse one request. Raises BadRequest naming the field and what to write."""
    fields = decode(_DECODER, body)
    facts = RequestFacts()
    if isinstance(fields.instructions, str):
        facts.system.append(fields.instructions)
        facts.chars += len(fields.instructions)
    if isinstance(fields.input, str):
        facts.messages = 1
        facts.add_user(fields.input)
        facts.chars += len(fields.input)
    elif fields.input is not None:
        _read(fields.input, facts)
    if fields.tools:
        facts.add_tools(fields.tools)
    form = fields.text.format if fields.text is not None else None
    facts.json_schema = form is not None and form.type == "json_schema"
    facts.max_tokens = fields.max_output_tokens or 0
    facts.temperature = fields.temperature
    facts.user = fields.user or ""
    facts.stores = fields.store is not False  # the API's default is to
    stateful = fields.previous_response_id is not None or fields.conversation is not None
    facts.state = facts.state or stateful or bool(fields.background)
    return build_request(
        Wire.OPENAI_RESPONSES, body, headers, fields.model, facts, stream=bool(fields.stream)
    )


def _read(items: Sequence[_Item], facts: RequestFacts) -> None:
    if not items:
        raise BadRequest("`input` is empty: write at least one item", param="input")
    facts.messages = len(items)
    for index, item in enumerate(items):
        if item.type == STORED_ITEM:
            facts.state = True
        elif item.type != "message":
            facts.chars += sum(len(t) for t in (item.arguments, item.input) if isinstance(t, str))
            _add_tools(item.tools, facts)
            output = _readable(item.output)
            text, _ = read_content(f"input[{index}].output", output, KINDS, facts)
            read_item(item, text, facts.conversation)
            continue
        text, _ = read_content(f"input[{index}].content", item.content, KINDS, facts)
        if item.role == "user":
            facts.add_user(text)
        elif item.role == "assistant":
            facts.conversation.assistant(text)
        elif item.role in SYSTEM:
            facts.system.append(text)


def _add_tools(tools: object, facts: RequestFacts) -> None:
    """Count tools that an item brings: agents offer theirs in the conversation."""
    if isinstance(tools, list):
        facts.add_tools([msgspec.Raw(msgspec.json.encode(tool)) for tool in tools])  # pyright: ignore[reportUnknownVariableType] - JSON of any shape


def _readable(output: object) -> object:
    """Return a call's output if it is text or parts; other items have outputs of other kinds."""
    return output if isinstance(output, str | list) else None  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
