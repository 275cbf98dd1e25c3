"""What an Anthropic model thought stays; what others thought goes."""

import json

import pytest

from support.translating import Json
from weir_wires.thinking import strip_foreign_thinking

HI: Json = {"role": "user", "content": "hi"}
TEXT: Json = {"type": "text", "text": "yes"}
OWN: Json = {"type": "thinking", "thinking": "hm", "signature": "EqQB"}


def passed(*messages: Json) -> list[Json]:
    body = {"max_tokens": 9, "messages": list(messages), "model": "m"}
    result = json.loads(strip_foreign_thinking(json.dumps(body).encode()))
    assert list(result) == list(body)
    turns: list[Json] = result["messages"]
    return turns


def content(*blocks: Json) -> Json:
    return {"role": "assistant", "content": list(blocks)}


def thinking_text(signature: str) -> Json:
    return {"type": "thinking", "thinking": "hm", "signature": signature}


@pytest.mark.parametrize(
    "body",
    [
        b'{ "messages" : [ {"role":"user","content":"hi"} ] }',
        json.dumps({"messages": [HI, content(OWN, TEXT)]}).encode(),
        b"nothing",
        b'"weir:',
        b'{"messages":"weir:reasoning:"}',
        b'{"system":"weir:reasoning:"}',
        b'{"messages":[{"content":["weir:a"]}]}',
    ],
)
def test_bodies_without_foreign_thinking_keep_every_byte(body: bytes) -> None:
    assert strip_foreign_thinking(body) == body


@pytest.mark.parametrize(
    "block",
    [
        thinking_text("weir:reasoning_content:"),
        thinking_text("weir:reasoning:"),
        thinking_text("weir:reasoning_details:sig"),
        {"type": "redacted_thinking", "data": "weir:reasoning_details:sealed"},
    ],
)
def test_a_chat_models_thinking_is_left_out(block: Json) -> None:
    assert passed(HI, content(block, OWN, TEXT), HI) == [HI, content(OWN, TEXT), HI]


def test_a_turn_of_only_foreign_thinking_is_left_out() -> None:
    assert passed(HI, content(thinking_text("weir:reasoning:")), HI) == [HI, HI]


def test_anthropics_own_signature_is_restored() -> None:
    sealed = {"type": "redacted_thinking", "data": "weir:thinking_blocks:EqQC"}
    turn = content(thinking_text("weir:thinking_blocks:EqQB"), sealed, TEXT)
    restored = {"type": "redacted_thinking", "data": "EqQC"}
    assert passed(HI, turn, HI) == [HI, content(OWN, restored, TEXT), HI]


def test_text_that_looks_like_a_mark_is_text() -> None:
    text_given: Json = {"type": "text", "text": "weir:reasoning:"}
    strange = thinking_text("weir:something_new:x")
    plain: Json = {"role": "user", "content": "weir:reasoning:"}
    turns = [plain, content(strange, text_given), HI]
    assert passed(*turns) == turns
