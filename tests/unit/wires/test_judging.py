"""What judges are asked, and what is made of whatever they answer."""

import json
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_wires import judging
from weir_wires.content import AnswerContent, PromptContent, QuestionKind, ToolCall
from weir_wires.content_readers import read_prompt
from weir_wires.registry import WIRES
from weir_wires.wire import Wire

FENCE = "=====[f00d]====="
NOTHING = PromptContent((), frozenset(), None)


def chat(text: str | None, *top: tuple[str, float]) -> bytes:
    """A judge's answer, with these tokens and their probabilities."""
    body_given = [{"token": token, "logprob": log(p)} for token, p in top]
    first = {**body_given[0], "top_logprobs": body_given} if body_given else None
    logprobs = {"content": [first]} if first else None
    choice = {"index": 0, "message": {"content": text}, "logprobs": logprobs}
    return json.dumps({"choices": [choice]}).encode()


@pytest.mark.parametrize(
    ("answer", "good"),
    [
        (chat("Yes", ("Yes", 0.6), ("No", 0.2), ("yes", 0.1)), 7 / 9),
        (chat(" no", (" no", 0.9), (" yes", 0.1)), 0.1),
        (chat("yes", ("yes", 1.0)), 1.0),
        (chat("yes", ("The", 0.5), ("It", 0.5)), 1.0),  # no token that means anything
        (chat("The", ("The", 0.97), ("Yes", 0.02)), None),  # on its way to something else
        (chat("Yes", ("Yes", 0.4), ("Well", 0.3), ("No", 0.2)), 2 / 3),
        (chat("**Yes**."), 1.0),
        (chat("No, since yes would be wrong"), 0.0),
        (chat("Maybe. Yes."), None),
        (chat(""), None),
        (chat(None), None),
        (b'{"choices": []}', None),
        (b'{"choices": [{"index": 0, "logprobs": {"content": []}, "message": {}}]}', None),
        (b'{"choices": [{"index":0,"logprobs":{"content":[{"logprob":"x"}]}}]}', None),
        (b"not json", None),
        (b"", None),
    ],
)
def test_verdicts(answer: bytes, good: float | None) -> None:
    heard = judging.parse_verdict(QuestionKind.QUALITY, Wire.OPENAI_CHAT, answer)
    assert heard == (good if good is None else pytest.approx(good))


@pytest.mark.parametrize(
    ("answer", "hard"),
    [
        (chat("1", ("1", 1.0)), 0.0),
        (chat("9", ("9", 0.5), ("1", 0.5)), 0.5),
        (chat("5"), 0.5),
        (chat("I rate it 7/9."), 0.75),
        (chat("10"), 1.0),
        (chat("0"), 0.0),
        (chat("999999999999999999999999"), 1.0),
        (chat("hard"), None),
    ],
)
def test_ratings(answer: bytes, hard: float | None) -> None:
    assert judging.parse_verdict(QuestionKind.DIFFICULTY, Wire.OPENAI_CHAT, answer) == hard


@given(st.binary(), st.sampled_from(QuestionKind), st.sampled_from(list(WIRES)))
def test_any_answer_is_a_verdict_or_none(answer: bytes, kind: QuestionKind, wire: Wire) -> None:
    heard = judging.parse_verdict(kind, wire, answer)
    assert heard is None or 0 <= heard <= 1


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(
    st.dictionaries(
        st.sampled_from(["choices", "logprobs", "content", "message", "output"]), JSONS
    ),
    st.sampled_from(list(WIRES)),
)
def test_json_of_any_shape_is_a_verdict_or_none(answer: object, wire: Wire) -> None:
    heard = judging.parse_verdict(QuestionKind.QUALITY, wire, json.dumps(answer).encode())
    assert heard is None or 0 <= heard <= 1


@given(st.text(), st.text())
def test_user_text_is_only_between_fences(request: str, answer: str) -> None:
    asking = PromptContent((("user", request),), frozenset(), None)
    text = judging.quality_question(asking, AnswerContent(answer), FENCE).text
    before, shown, between, text_given, after = text.split(FENCE)
    empty = judging.quality_question(NOTHING, AnswerContent(""), FENCE).text
    assert (before, between, after) == tuple(empty.split(FENCE)[::2])
    assert shown == f"\nuser: {request}\n"
    assert text_given == f"\n{answer}\n"


def test_long_text_is_cut_in_the_middle() -> None:
    long = "a" * 30_000 + "the question"
    text = judging.difficulty_question(long, FENCE).text
    assert len(text) < judging.MAX_PROMPT + 300
    assert "the question\n" in text
    assert "\n[18012 characters are left out here]\n" in text


def test_tool_calls_are_shown_as_written() -> None:
    text_given = AnswerContent("Let me look.", (ToolCall("weather", '{"city": "Bern"}'),))
    assert (
        'Let me look.\nweather({"city": "Bern"})'
        in judging.quality_question(NOTHING, text_given, FENCE).text
    )


def test_model_is_the_first_field_on_each_wire() -> None:
    question = judging.difficulty_question("why?", FENCE)
    for wire in (Wire.OPENAI_CHAT, Wire.ANTHROPIC_MESSAGES):
        body = judging.question_body(question, wire, logprobs=True)
        assert body.startswith(b'{"model":"judge",')
        assert ("logprobs" in json.loads(body)) is (wire is Wire.OPENAI_CHAT)


CHAT: dict[str, object] = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Look:"}, {"type": "image_url"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "content": "42"},
    ],
    "tools": [{"type": "function", "function": {"name": "f"}}],
    "response_format": {"json_schema": {"schema": {"type": "object"}}},
}
MESSAGES: dict[str, object] = {
    "system": [{"type": "text", "text": "Be brief."}],
    "messages": [
        {"role": "user", "content": "Look:"},
        {"role": "assistant", "content": [{"type": "tool_use", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "content": "42"}]},
    ],
    "tools": [{"name": "f"}],
    "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
}
RESPONSES: dict[str, object] = {
    "instructions": "Be brief.",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "Look:"}]},
        {"type": "function_call", "name": "f", "arguments": "f({})"},
        {"type": "function_call_output", "output": "42"},
    ],
    "tools": [{"type": "function", "name": "f"}],
    "text": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
}


@pytest.mark.parametrize(
    ("wire", "body"),
    [
        (Wire.OPENAI_CHAT, CHAT),
        (Wire.ANTHROPIC_MESSAGES, MESSAGES),
        (Wire.OPENAI_RESPONSES, RESPONSES),
    ],
)
def test_the_gist_of_a_request(wire: Wire, body: dict[str, object]) -> None:
    gist = read_prompt(wire, json.dumps(body).encode())
    assert [texts for _, texts in gist.turns] == ["Be brief.", "Look:", "f({})", "42"]
    assert gist.tools == {"f"}
    assert gist.schema == {"type": "object"}


@given(
    st.dictionaries(
        st.sampled_from(["messages", "input", "system", "tools", "text", "prompt"]), JSONS
    ),
    st.sampled_from(list(WIRES)),
)
def test_any_json_has_a_gist(body: object, wire: Wire) -> None:
    gist = read_prompt(wire, json.dumps(body).encode())
    assert all(texts for _, texts in gist.turns)
