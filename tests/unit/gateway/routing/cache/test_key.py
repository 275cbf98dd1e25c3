"""When two requests are the same to a cache: by what they say, never by how they are written."""

import copy
import json
import random
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from support.tables import request
from weir_gateway.domain.request import Request
from weir_gateway.routing.cache.key import PASSED_OVER_OTHERWISE, NoKey, keys
from weir_wires.wire import Wire

WHERE = ("policy", "key", "team-a")
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text())
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.dictionaries(
    st.text().filter(lambda n: n not in PASSED_OVER_OTHERWISE), JSON, max_size=5
)


def made(body: object, *, wire: Wire = Wire.OPENAI_CHAT, stream: bool = False) -> Request:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return replace(request(), body=raw, wire=wire, stream=stream)


def exact(body: object, where: tuple[str, ...] = WHERE, **of: Any) -> bytes:
    return keys(made(body, **of), where, by_meaning=False).exact_key


def meaning(body: object, **of: Any) -> bytes:
    return keys(made(body, **of), WHERE, by_meaning=True).semantic_key


def shuffled(value: object, chance: random.Random) -> object:
    if isinstance(value, dict):
        items = list(cast("dict[str, object]", value).items())
        chance.shuffle(items)
        return {name: shuffled(inner, chance) for name, inner in items}
    if isinstance(value, list):
        return [shuffled(inner, chance) for inner in cast("list[object]", value)]
    return value


@given(FIELDS, st.randoms(use_true_random=False), st.sampled_from([None, 1, 4]))
def test_order_of_keys_and_white_space_don_t_matter(
    fields: dict[str, object], chance: random.Random, indent: int | None
) -> None:
    other = json.dumps(shuffled(fields, chance), indent=indent, ensure_ascii=chance.random() < 0.5)
    assert exact(fields) == exact(other.encode("utf-8", "surrogatepass"))


@given(FIELDS, FIELDS)
def test_whatever_else_differs_matters(one: dict[str, object], other: dict[str, object]) -> None:
    assume(json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True))
    assert exact(one) != exact(other)


@given(FIELDS, st.sampled_from(sorted(PASSED_OVER_OTHERWISE)), JSON)
def test_who_asks_doesn_t_matter(fields: dict[str, object], name: str, value: object) -> None:
    assert exact(fields) == exact({**fields, name: value})


def test_where_wire_and_form_matter() -> None:
    body: dict[str, object] = {"messages": []}
    told = {
        exact(body),
        exact(body, where=("policy", "key", "team-b")),
        exact(body, stream=True),
        exact(body, wire=Wire.OPENAI_COMPLETIONS),
    }
    assert len(told) == 4


@pytest.mark.parametrize(
    "body",
    [b'{"a":1,"a":2}', b'{"m":[{"x":1,"x":1}]}', b"[]", b"{", b'{"n":' + b"9" * 5000 + b"}"],
)
def test_what_may_be_read_in_two_ways_has_no_key(body: bytes) -> None:
    with pytest.raises(NoKey):
        exact(body)


CHAT = {
    "temperature": 0,
    "messages": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "What is a weir?"},
    ],
}


def with_last(content: object, **fields: object) -> dict[str, Any]:
    body: dict[str, Any] = {**copy.deepcopy(CHAT), **fields}
    body["messages"][-1]["content"] = content
    return body


def test_by_meaning_the_last_turn_is_compared_by_its_wording() -> None:
    plain = meaning(CHAT)
    assert plain
    assert meaning(with_last("please, what is a weir")) == plain
    assert meaning(with_last("What is a dam?")) != plain
    assert exact(with_last("please, what is a weir")) != exact(CHAT)


def test_by_meaning_everything_else_must_be_the_very_same() -> None:
    other = with_last("What is a weir?")
    other["messages"][0]["content"] = "Be brief"
    told = [
        CHAT,
        other,
        with_last("What is a weir?", seed=1),
        with_last("What is a weir?", tools=[]),
    ]
    assert len({meaning(body) for body in told}) == len(told)


def test_a_part_of_text_is_compared_and_pictures_must_be_the_very_same() -> None:
    def seen(text: str, url: str) -> dict[str, Any]:
        picture = {"type": "image_url", "image_url": {"url": url}}
        return with_last([{"type": "text", "text": text}, picture])

    one = meaning(seen("What is this?", "a"))
    assert one == meaning(seen("what is this", "a"))
    assert one != meaning(seen("What is this?", "b"))


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]},
        {"messages": [{"role": "tool", "content": "42", "tool_call_id": "x"}]},
        {"messages": []},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}] * 2}]},
        {"messages": [{"role": "user", "content": "x" * 10_000}]},
        {},
    ],
)
def test_what_has_no_one_last_text_of_the_user_is_compared_with_nothing(body: object) -> None:
    assert meaning(body) == b""


def parts(text: str) -> dict[str, Any]:
    """A turn as Gemini's clients write it."""
    return {"role": "user", "parts": [{"text": text}]}


def test_every_wire_s_last_turn_is_found() -> None:
    turn = {"role": "user", "content": "What is a weir?"}
    same = {"role": "user", "content": "what is a weir"}
    bodies = [
        (Wire.ANTHROPIC_MESSAGES, {"messages": [turn]}, {"messages": [same]}),
        (Wire.OPENAI_RESPONSES, {"input": "What is a weir?"}, {"input": "what is a weir"}),
        (Wire.OPENAI_RESPONSES, {"input": [turn]}, {"input": [same]}),
        (Wire.OPENAI_COMPLETIONS, {"prompt": "What is a weir?"}, {"prompt": "what is a weir"}),
        (
            Wire.GOOGLE_GEMINI,
            {"contents": [parts("What is a weir?")]},
            {"contents": [parts("what is a weir")]},
        ),
    ]
    for wire, one, other in bodies:
        assert meaning(one, wire=wire) == meaning(other, wire=wire) != b""
    assert meaning({"input": "What is a weir?"}, wire=Wire.OPENAI_EMBEDDINGS) == b""
