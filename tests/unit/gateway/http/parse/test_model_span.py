"""Only the top-level `model` is replaced, in any JSON object."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_gateway.domain.errors import BadRequest
from weir_gateway.http.parse.model_span import model_span

KEYS = st.sampled_from(["model", "models", "x", "a\\b", 'quo"te', "messages", "\u00fc"])
TEXTS = (
    st.sampled_from(["model", '"model":"x"', "a", "\\", '\\"model', "", "\U0001f30a"]) | st.text()
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
FIELDS = st.dictionaries(KEYS.filter(lambda key: key != "model"), VALUES, max_size=5)


@given(
    before=FIELDS,
    after=FIELDS,
    model=TEXTS,
    indent=st.sampled_from([None, 0, 2]),
    ascii_only=st.booleans(),
)
def test_replaces_only_the_top_level_model(
    before: dict[str, object],
    after: dict[str, object],
    model: str,
    indent: int | None,
    ascii_only: bool,  # noqa: FBT001 - hypothesis names it
) -> None:
    value = {**before, "model": model, **{k: v for k, v in after.items() if k not in before}}
    body = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode(
        "utf-8", "surrogatepass"
    )
    start, end = model_span(body)
    changed = body[:start] + b'"other"' + body[end:]
    assert json.loads(body[start:end].decode("utf-8", "surrogatepass")) == model
    assert json.loads(changed.decode("utf-8", "surrogatepass")) == {**value, "model": "other"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"model":"a"}', b'"a"'),
        (b'{"x":{"model":"inner"},"\\u006dodel" : "a"}', b'"a"'),
        (b'{"mod\\u0065l":"a","x":["model",{"model":"b"}]}', b'"a"'),
        (b'{"x":"\\"model\\":\\"b\\"","model":"a"}', b'"a"'),
        (b'{"model":"a\\"b"}', b'"a\\"b"'),
    ],
)
def test_finds_model_despite_escaped_keys_and_nested_models(body: bytes, expected: bytes) -> None:
    start, end = model_span(body)
    assert body[start:end] == expected


@pytest.mark.parametrize("body", [b'{"model":"a","model":"b"}', b'{"model":"a","\\u006dodel":"b"}'])
def test_rejects_a_body_with_two_models(body: bytes) -> None:
    with pytest.raises(BadRequest, match="more than once"):
        model_span(body)


@pytest.mark.parametrize("inner", ["", '"a":{"model":"inner"},'], ids=["at a glance", "exactly"])
def test_a_long_string_needs_no_extra_memory(inner: str) -> None:
    text = "x" * (1 << 20) + '\\"' * (1 << 19)
    body = f'{{{inner}"messages":["{text}"],"model":"{text}"}}'.encode()
    tracemalloc.start()
    try:
        start, end = model_span(body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert body[start:end] == f'"{text}"'.encode()
    assert peak < 3 * len(body)
