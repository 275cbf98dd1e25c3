"""Every client wire gives the same last turn to score, and the same turns before it."""

import json
from collections.abc import Callable, Sequence

import pytest

from weir_gateway.domain.request import Request
from weir_gateway.http.parse import (
    anthropic_messages,
    google_gemini,
    openai_chat,
    openai_completions,
    openai_responses,
)
from weir_wires.wire import Wire

USER, MODEL = "user", "assistant"
Turns = Sequence[tuple[str, str]]  # role and text


def chat(turns: Turns) -> Request:
    messages = [{"role": role, "content": text} for role, text in turns]
    return openai_chat.parse(_body(messages=messages), {})


def messages(turns: Turns) -> Request:
    wired = [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in turns]
    return anthropic_messages.parse(_body(messages=wired, max_tokens=9), {})


def responses(turns: Turns) -> Request:
    items = [{"type": "message", "role": role, "content": text} for role, text in turns]
    return openai_responses.parse(_body(input=items), {})


def gemini(turns: Turns) -> Request:
    roles = {USER: "user", MODEL: "model"}
    contents = [{"role": roles[role], "parts": [{"text": text}]} for role, text in turns]
    body = json.dumps({"contents": contents}).encode()
    return google_gemini.parse(body, {}, "auto", Wire.GOOGLE_GEMINI, stream=False)


def _body(**fields: object) -> bytes:
    return json.dumps({"model": "auto", **fields}).encode()


WIRES = (chat, messages, responses, gemini)


@pytest.mark.parametrize("parse", WIRES)
@pytest.mark.parametrize(
    ("turns", "scored", "earlier"),
    [
        ([(USER, "Prove Riesz.")], "Prove Riesz.", ()),
        (
            [(USER, "Prove Riesz."), (MODEL, "Let H be ..."), (USER, "and why?")],
            "and why?",
            ("Prove Riesz.",),
        ),
        (
            [pair for n in range(7) for pair in ((USER, f"turn {n}"), (MODEL, "ok"))][:-1],
            "turn 6",
            ("turn 2", "turn 3", "turn 4", "turn 5"),
        ),
        ([(USER, "one"), (MODEL, "ok"), (USER, " \n")], "one", ()),
    ],
)
def test_the_last_turn_is_scored_and_the_few_before_it_go_along(
    parse: Callable[[Turns], Request], turns: Turns, scored: str, earlier: tuple[str, ...]
) -> None:
    request = parse(turns)
    assert request.scored_text == scored
    assert request.earlier == earlier


def test_several_prompts_of_a_completion_are_no_conversation() -> None:
    request = openai_completions.parse(_body(prompt=["one", "two"]), {})
    assert (request.scored_text, request.earlier) == ("one\ntwo", ())


def test_nothing_but_blanks_is_nothing_to_score() -> None:
    assert chat([(USER, " ")]).scored_text == ""
