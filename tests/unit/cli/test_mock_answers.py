"""The stand-in's pure parts: determinism, cuts, schema instances, orders."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_cli.mock_provider import openai_wire
from weir_cli.mock_provider.answers import answer, pieces, tokens
from weir_cli.mock_provider.config import BadOption, Delay, Fault, Kind, delay, due, fault
from weir_cli.mock_provider.json_fields import BadRequest, Json, Object, parse
from weir_cli.mock_provider.model_request import Finish, ModelRequest, Tool
from weir_cli.mock_provider.schema_example import example
from weir_wires.judging import difficulty_question


def ask(prompt: str = "hello", **changes: object) -> ModelRequest:
    fields: dict[str, object] = {
        "model": "small",
        "prompt": prompt,
        "question": prompt,
        "prompt_tokens": tokens(prompt),
    }
    return ModelRequest(**{**fields, **changes})  # type: ignore[arg-type] # a test's shorthand


@given(st.text())
def test_same_prompt_same_answer(prompt: str) -> None:
    assert answer(ask(prompt)) == answer(ask(prompt))


def test_answer_says_who_and_what_it_is() -> None:
    assert answer(ask()).text.startswith("[small, a stand-in] ")


def test_choices_and_models_differ() -> None:
    texts = {answer(ask(), 0).text, answer(ask(), 1).text, answer(ask(model="large")).text}
    assert len(texts) == 3


@given(st.text(min_size=1))
def test_pieces_join_to_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text


def test_cap_cuts_and_says_so() -> None:
    cut = answer(ask(max_tokens=3))
    assert (cut.finish, cut.tokens) == (Finish.LENGTH, 3)


def test_stop_sequence_is_left_out() -> None:
    cut = answer(ask(stop=("stand",)))
    assert cut.text == "[small, a "
    assert (cut.finish, cut.stopped_by) == (Finish.STOP_SEQUENCE, "stand")


@pytest.mark.parametrize(("word", "good"), [("hard", 0.1), ("easy", 0.9)])
def test_a_judge_is_steered_by_words(word: str, good: float) -> None:
    judged = answer(ask(f"system: yes or no\nuser: a {word} question", model="my-judge"))
    assert dict(judged.odds)["yes"] == pytest.approx(good)
    assert (judged.text, judged.tokens) == ("yes" if good > 0.5 else "no", 1)
    digit = answer(ask(f"system: one digit\nuser: a {word} question", model="my-judge"))
    mean = sum((int(said) - 1) / 8 * odds for said, odds in digit.odds)
    assert mean == pytest.approx(1 - good)


@given(st.text(), st.from_regex(r"[0-9a-f]{16}", fullmatch=True))
def test_a_judges_verdict_does_not_hang_on_the_marker(text: str, marker: str) -> None:
    one, other = (
        answer(ask(f"user: {fence}\n{text}\n{fence}", model="judge")).odds
        for fence in ("0123456789abcdef", marker)
    )
    assert one == other
    assert sum(odds for _, odds in one) == pytest.approx(1)


@pytest.mark.parametrize(("word", "digit"), [("easy", "2"), ("hard", "8")])
def test_a_judge_goes_by_what_it_is_shown_and_not_by_the_questions_own_words(
    word: str, digit: str
) -> None:
    question = difficulty_question(f"a {word} one", "0123456789abcdef")
    prompt = f"system: {question.rules}\nuser: {question.text}"
    assert answer(ask(prompt, model="judge")).text == digit


def test_a_judges_probabilities_are_told_where_they_are_asked_for() -> None:
    asked = ask("user: easy", model="judge", logprobs=True)
    (choice,) = _choices(openai_wire.completion(asked, [answer(asked)]))
    assert '"top_logprobs": [{"token": "yes", "logprob": -0.1' in json.dumps(choice)
    plain = ask("user: easy", model="judge")
    (choice,) = _choices(openai_wire.completion(plain, [answer(plain)]))
    assert choice["logprobs"] is None


def _choices(whole: Object) -> list[Object]:
    found = whole["choices"]
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def test_tool_call_fills_the_schema() -> None:
    parameters: Object = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 2}},
        "required": ["city", "days"],
    }
    made = answer(ask(tool=Tool("weather", parameters)))
    assert made.finish is Finish.TOOL
    assert made.call is not None
    assert made.call.name == "weather"
    assert set(made.call.arguments) == {"city", "days"}


SCHEMAS: list[tuple[Object, type]] = [
    ({"type": "string", "maxLength": 3}, str),
    ({"type": "integer", "minimum": 7, "maximum": 7}, int),
    ({"type": "array", "items": {"type": "boolean"}, "minItems": 2}, list),
    ({"enum": ["a", "b"]}, str),
    ({"anyOf": [{"type": "string"}, {"type": "null"}]}, str),
    ({"allOf": [{"properties": {"a": {"type": "number"}}}], "type": "object"}, dict),
    ({"$ref": "#/$defs/x", "$defs": {"x": {"type": "string", "format": "uuid"}}}, str),
]


@pytest.mark.parametrize(("schema", "kind"), SCHEMAS)
def test_instance_is_of_the_schemas_type(schema: Object, kind: type) -> None:
    assert isinstance(example(schema, b"\1\2\3"), kind)


def test_recursive_schema_ends() -> None:
    node: Json = {
        "type": "object",
        "properties": {
            "value": {"type": "string"},
            "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
        },
        "required": ["value", "next"],
    }
    made = example({"$ref": "#/$defs/node", "$defs": {"node": node}}, b"\1")
    assert isinstance(made, dict)
    assert json.dumps(made).count("value") < 10


def json_values() -> st.SearchStrategy[Json]:
    leaves: st.SearchStrategy[Json] = (
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    )
    keys = st.sampled_from(["type", "properties", "items", "enum", "anyOf", "allOf", "$ref"])
    return st.recursive(
        leaves | st.sampled_from(["object", "array", "string", "#", "#/properties"]),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=20,
    )


@given(st.dictionaries(st.sampled_from(["type", "properties", "$ref", "allOf"]), json_values()))
def test_no_schema_breaks_it(schema: Object) -> None:
    json.dumps(example(schema, b"\1\2\3"))


@given(st.binary())
def test_any_body_is_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(BadRequest):
        openai_wire.read_request(parse(body))


@given(json_values())
def test_any_json_is_read_or_refused(value: Json) -> None:
    with contextlib.suppress(BadRequest):
        openai_wire.read_request(parse(json.dumps({"model": "m", "messages": value}).encode()))


def test_orders() -> None:
    assert fault("status=503,rate=0.1,model=a") == Fault(
        kind=Kind.STATUS, status=503, rate=0.1, model="a"
    )
    assert fault("kind=break").kind is Kind.BREAK
    assert delay("first=200ms,chunk=1.5s") == Delay(0.2, 1.5)


@pytest.mark.parametrize("order", ["", "rate=2", "status=200", "kind=odd", "colour=red", "rate=x"])
def test_senseless_fault_is_refused(order: str) -> None:
    with pytest.raises(BadOption):
        fault(order)


@pytest.mark.parametrize("order", ["first=fast", "last=1s"])
def test_senseless_delay_is_refused(order: str) -> None:
    with pytest.raises(BadOption):
        delay(order)


@given(st.integers(0, 100), st.integers(1, 2000))
def test_rate_is_kept_exactly(percent: int, requests: int) -> None:
    failed = sum(due(percent / 100, number) for number in range(1, requests + 1))
    assert abs(failed - percent * requests / 100) <= 1
