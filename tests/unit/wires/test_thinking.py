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
    found = json.loads(strip_foreign_thinking(json.dumps(body).encode()))
    assert list(found) == list(body)
    turns: list[Json] = found["messages"]
    return turns


def said(*blocks: Json) -> Json:
    return {"role": "assistant", "content": list(blocks)}


def thought(signature: str) -> Json:
    return {"type": "thinking", "thinking": "hm", "signature": signature}


@pytest.mark.parametrize(
    "body",
    [
        b'{ "messages" : [ {"role":"user","content":"hi"} ] }',
        json.dumps({"messages": [HI, said(OWN, TEXT)]}).encode(),
        b"nothing",
        b'"weir:',
        b'{"messages":"weir:reasoning:"}',
        b'{"system":"weir:reasoning:"}',
        b'{"messages":[{"content":["weir:a"]}]}',
    ],
)
def test_what_has_none_keeps_every_byte(body: bytes) -> None:
    assert strip_foreign_thinking(body) == body


@pytest.mark.parametrize(
    "block",
    [
        thought("weir:reasoning_content:"),
        thought("weir:reasoning:"),
        thought("weir:reasoning_details:sig"),
        {"type": "redacted_thinking", "data": "weir:reasoning_details:sealed"},
    ],
)
def test_what_a_chat_model_thought_is_left_out(block: Json) -> None:
    assert passed(HI, said(block, OWN, TEXT), HI) == [HI, said(OWN, TEXT), HI]


def test_a_turn_of_nothing_else_is_left_out_whole() -> None:
    assert passed(HI, said(thought("weir:reasoning:")), HI) == [HI, HI]


def test_what_anthropic_signed_for_another_gateway_gets_its_signature_back() -> None:
    sealed = {"type": "redacted_thinking", "data": "weir:thinking_blocks:EqQC"}
    turn = said(thought("weir:thinking_blocks:EqQB"), sealed, TEXT)
    restored = {"type": "redacted_thinking", "data": "EqQC"}
    assert passed(HI, turn, HI) == [HI, said(OWN, restored, TEXT), HI]


def test_words_that_look_like_a_mark_are_words() -> None:
    words: Json = {"type": "text", "text": "weir:reasoning:"}
    strange = thought("weir:something_new:x")
    plain: Json = {"role": "user", "content": "weir:reasoning:"}
    turns = [plain, said(strange, words), HI]
    assert passed(*turns) == turns
