"""Usage in OpenAI's streams: asked for without touching another byte, and taken out again."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_wires.openai.stream_usage import (
    ask_for_usage,
    asks_for_usage,
    without_stream_options,
    without_usage_events,
)

USAGE = b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}\n\n'
LAST = b'data: {"choices":[{"index":0,"delta":{}}],"usage":{"prompt_tokens":3}}\n\n'
WORD = b'data: {"choices":[{"index":0,"delta":{"content":"a \\"usage\\": {"}}],"usage":null}\n\n'
DONE = b"data: [DONE]\n\n"

CASES = {
    "no options": (b'{"a": 1 }\n', b'{"a": 1 ,"stream_options":{"include_usage":true}}\n'),
    "an empty body": (b"{ }", b'{ "stream_options":{"include_usage":true}}'),
    "null": (b'{"stream_options":null}', b'{"stream_options":{"include_usage":true}}'),
    "off": (
        b'{"stream_options": {"include_usage" : false, "x": [1]}, "z": 1}',
        b'{"stream_options": {"include_usage" : true, "x": [1]}, "z": 1}',
    ),
    "other options": (
        b'{"stream_options":{"include_obfuscation":false}}',
        b'{"stream_options":{"include_obfuscation":false,"include_usage":true}}',
    ),
    "empty options": (
        b'{"stream_options":{},"b":{"c":"}"}}',
        b'{"stream_options":{"include_usage":true},"b":{"c":"}"}}',
    ),
    "nested look-alikes": (
        b'{"tools":[{"stream_options":{"include_usage":true}}],"t":"\\"stream_options\\":1"}',
        (
            b'{"tools":[{"stream_options":{"include_usage":true}}],"t":"\\"stream_options\\":1",'
            b'"stream_options":{"include_usage":true}}'
        ),
    ),
    "escaped keys": (
        b'{"stream\\u005foptions":{"include\\u005fusage":null}}',
        b'{"stream\\u005foptions":{"include\\u005fusage":true}}',
    ),
    "given twice": (
        b'{"stream_options":{"a":{}},"b":2,"stream_options":{"include_usage":false}}',
        (
            b'{"stream_options":{"a":{},"include_usage":true},"b":2,'
            b'"stream_options":{"include_usage":true}}'
        ),
    ),
    "asked already": (
        b'{"stream_options":{"include_usage":true}}',
        b'{"stream_options":{"include_usage":true}}',
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_asks_and_changes_nothing_else(case: str) -> None:
    body, asking = CASES[case]
    assert ask_for_usage(body) == asking


def json_in_utf8(fields: dict[str, Any], indent: int | None) -> str:
    return json.dumps(fields, indent=indent, ensure_ascii=False)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["stream_options", "include_usage", "a", '"', "{"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from(["stream_options", "model", "}", "x"]), VALUES, max_size=4),
    st.sampled_from([None, 1]),
    st.sampled_from([json.dumps, json_in_utf8]),
)
def test_any_body_asks_and_keeps_its_other_fields(
    fields: dict[str, Any], indent: int | None, dumps: Callable[..., str]
) -> None:
    body = dumps(fields, indent=indent).encode()
    asked = json.loads(ask_for_usage(body))
    assert asks_for_usage(asked["stream_options"])
    others = {name: value for name, value in fields.items() if name != "stream_options"}
    assert {name: value for name, value in asked.items() if name != "stream_options"} == others
    options = fields.get("stream_options")
    if isinstance(options, dict):
        assert asked["stream_options"] == options | {"include_usage": True}
    assert json.loads(without_stream_options(ask_for_usage(body))) == others
    assert ask_for_usage(ask_for_usage(body)) == ask_for_usage(body)


@pytest.mark.parametrize(
    ("events", "left"),
    [
        (WORD + USAGE + DONE, WORD + DONE),
        (WORD + LAST + DONE, WORD + LAST + DONE),
        (USAGE.replace(b"\n", b"\r\n"), b""),
        (USAGE.replace(b"data: ", b"data:").replace(b'":', b'" : '), b""),
        (USAGE.replace(b'"choices":[],', b""), b""),
        (USAGE.replace(b'"choices":[],', b'"choices":null,'), b""),
        (USAGE.replace(b',"usage"', b',\ndata: "usage"'), b""),
        (USAGE.rstrip(b"\n"), b""),
        (b": ping\n\n" + USAGE + b": pong\n\n", b": ping\n\n: pong\n\n"),
        (USAGE.replace(b'"choices"', b'"error":{"message":"x"},"choices"'), None),
        (b'data: {"choices":[],"prompt_filter_results":[]}\n\n', None),
        (b'data: {"usage": {\n\n', None),
    ],
)
def test_takes_out_the_events_that_tell_only_the_usage(events: bytes, left: bytes | None) -> None:
    assert without_usage_events(events) == (events if left is None else left)
