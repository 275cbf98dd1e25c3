"""No field of a request is lost without a word, at any depth, on any pair of wires."""

import copy
import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_wires.errors import NotCarried
from weir_wires.registry import WIRES, WireRoute
from weir_wires.wire import Wire

Json = dict[str, Any]
PIXEL = "data:image/png;base64,AAAA"
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
# Whole requests of each client's wire; what they hold is carried on every pair.
REQUESTS: dict[Wire, Json] = {
    Wire.OPENAI_CHAT: {
        "model": "m",
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "be brief"}]},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "hi"},
                    {"type": "image_url", "image_url": {"url": PIXEL}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "t", "arguments": "{}"}}
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "done"},
        ],
        "tools": [{"type": "function", "function": {"name": "t", "parameters": SCHEMA}}],
        "tool_choice": {"type": "function", "function": {"name": "t"}},
        "stream_options": {"include_usage": True},
        "stream": True,
    },
    Wire.OPENAI_RESPONSES: {
        "model": "m",
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "hi"},
                    {"type": "input_image", "image_url": PIXEL},
                ],
            },
            {"type": "function_call", "call_id": "c1", "name": "t", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "done"},
        ],
        "tools": [{"type": "function", "name": "t", "parameters": SCHEMA}],
        "text": {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA}},
    },
    Wire.ANTHROPIC_MESSAGES: {
        "model": "m",
        "max_tokens": 9,
        "system": [{"type": "text", "text": "be brief"}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "hi"},
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"},
                    },
                ],
            },
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "c1", "name": "t", "input": {}}],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "c1",
                        "content": [{"type": "text", "text": "done"}],
                    }
                ],
            },
        ],
        "tools": [{"name": "t", "input_schema": SCHEMA}],
        "tool_choice": {"type": "auto"},
    },
}
# JSON of the client's own, which goes on as it is.
OPAQUE = frozenset({"parameters", "input_schema", "schema", "metadata"})
PAIRS = [
    (client, route)
    for client in REQUESTS
    for route in WIRES.translated(client)
    if route.translator is not None and route.wire.answers
]


def places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of all objects that a translator reads."""
    if isinstance(value, dict):
        yield path
        for name, inner in cast("Json", value).items():
            if name not in OPAQUE and not (name == "input" and isinstance(inner, dict)):
                yield from places(inner, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[object]", value)):
            yield from places(item, (*path, index))


def with_field(request: Json, path: tuple[str | int, ...], name: str, value: object) -> Json:
    changed = copy.deepcopy(request)
    at: Any = changed
    for step in path:
        at = at[step]
    at[name] = value
    return changed


def named(dropped: tuple[str, ...], path: tuple[str | int, ...], name: str) -> bool:
    """Whether a dropped field is this one, or a whole object that it was in."""
    written = ""
    for step in (*path, name):
        written += "[]" if isinstance(step, int) else f".{step}" if written else step
    return any(one == written or written.startswith(f"{one}.") for one in dropped)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0]}-{pair[1].wire}")
@given(drawn=st.data())
def test_a_field_that_no_struct_knows_is_carried_or_named(
    pair: tuple[Wire, WireRoute], drawn: st.DataObject
) -> None:
    client, route = pair
    assert route.translator is not None
    path = drawn.draw(st.sampled_from(list(places(REQUESTS[client]))))
    name = "x_" + drawn.draw(st.text("abcdefgh_", max_size=6))
    values: list[object] = ["marked", {"y": "marked"}, ["marked"]]
    value = drawn.draw(st.sampled_from(values))
    body = json.dumps(with_field(REQUESTS[client], path, name, value)).encode()
    try:
        translated = route.translator.translate(body, "some-model")
    except NotCarried as error:
        pytest.fail(f"{path}: {error}")
    carried = b'"marked"' in translated.body
    assert carried or named(translated.dropped, path, name), (path, name, translated.dropped)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0]}-{pair[1].wire}")
def test_what_is_known_is_not_called_unknown(pair: tuple[Wire, WireRoute]) -> None:
    client, route = pair
    assert route.translator is not None
    translated = route.translator.translate(json.dumps(REQUESTS[client]).encode(), "some-model")

    assert translated.dropped == ()


def test_many_unknown_fields_are_named_up_to_a_bound() -> None:
    route = WIRES.route(Wire.OPENAI_CHAT, {Wire.ANTHROPIC_MESSAGES})
    assert route is not None
    assert route.translator is not None
    message = {"role": "user", "content": "hi", **{f"x{number}": 1 for number in range(1000)}}
    body = json.dumps({"model": "m", "messages": [message]}).encode()

    assert len(route.translator.translate(body, "m").dropped) <= 40
