"""What an answer took, in the form of every provider; the bill and the translations agree."""

import json
from dataclasses import astuple, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_wires.content import MAX_TOKENS, Usage
from weir_wires.event import Event
from weir_wires.registry import WIRES
from weir_wires.usage import messages, openai
from weir_wires.usage.counts import grown
from weir_wires.wire import Wire

Json = dict[str, Any]

CHAT_FORMS: list[tuple[str, Json, Usage | None]] = [
    ("plain", {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}, Usage(9, 4)),
    ("floats", {"prompt_tokens": 9.0, "completion_tokens": 4.0}, Usage(9, 4)),
    ("digits", {"prompt_tokens": "9", "completion_tokens": "4"}, Usage(9, 4)),
    ("one null", {"prompt_tokens": 9, "completion_tokens": None}, Usage(9, 0)),
    ("negative", {"prompt_tokens": -9, "completion_tokens": -4}, Usage(0, 0)),
    ("a flag", {"prompt_tokens": True, "completion_tokens": {}}, None),
    ("nothing", {}, None),
    ("huge", {"prompt_tokens": 10**30, "completion_tokens": 1e300}, Usage(MAX_TOKENS, MAX_TOKENS)),
    ("total and prompt", {"prompt_tokens": 9, "total_tokens": 13}, Usage(9, 4)),
    ("total and answer", {"completion_tokens": 4, "total_tokens": 13}, Usage(9, 4)),
    ("total alone", {"total_tokens": 8}, Usage(8, 0)),
    ("Responses' names", {"input_tokens": 9, "output_tokens": 4}, Usage(9, 4)),
    (
        "OpenAI",
        {
            "prompt_tokens": 90,
            "completion_tokens": 40,
            "total_tokens": 130,
            "prompt_tokens_details": {
                "cached_tokens": 32,
                "cache_write_tokens": 16,
                "audio_tokens": 5,
                "image_tokens": 6,
            },
            "completion_tokens_details": {
                "reasoning_tokens": 20,
                "audio_tokens": 7,
                "image_tokens": 3,
                "accepted_prediction_tokens": 1,
                "rejected_prediction_tokens": 2,
            },
        },
        Usage(
            90,
            40,
            32,
            16,
            reasoning=20,
            audio_input=5,
            audio_output=7,
            image_input=6,
            image_output=3,
        ),
    ),
    (
        "cache_creation_tokens",
        {
            "prompt_tokens": 90,
            "completion_tokens": 4,
            "prompt_tokens_details": {"cached_tokens": 30.0, "cache_creation_tokens": 20},
        },
        Usage(90, 4, 30, 20),
    ),
    (
        "details of nulls",
        {
            "prompt_tokens": 9,
            "completion_tokens": 4,
            "prompt_tokens_details": None,
            "completion_tokens_details": {"reasoning_tokens": None},
        },
        Usage(9, 4),
    ),
    (
        "more cached than asked",
        {
            "prompt_tokens": 9,
            "completion_tokens": 4,
            "prompt_tokens_details": {"cached_tokens": 90, "cache_write_tokens": 90},
        },
        Usage(9, 4, 9, 0),
    ),
    (
        "DeepSeek",
        {
            "prompt_tokens": 90,
            "completion_tokens": 40,
            "total_tokens": 130,
            "prompt_cache_hit_tokens": 64,
            "prompt_cache_miss_tokens": 26,
            "completion_tokens_details": {"reasoning_tokens": 12},
        },
        Usage(90, 40, 64, reasoning=12),
    ),
    (
        "DeepSeek's cache alone",
        {
            "prompt_cache_hit_tokens": 64,
            "prompt_cache_miss_tokens": 26,
            "completion_tokens": 4,
        },
        Usage(90, 4, 64),
    ),
    (
        "Moonshot",
        {"prompt_tokens": 90, "completion_tokens": 4, "total_tokens": 94, "cached_tokens": 64},
        Usage(90, 4, 64),
    ),
    (
        "xAI, whose answer leaves its reasoning out",
        {
            "prompt_tokens": 32,
            "completion_tokens": 9,
            "total_tokens": 135,
            "prompt_tokens_details": {"text_tokens": 32, "audio_tokens": 0, "cached_tokens": 6},
            "completion_tokens_details": {"reasoning_tokens": 94},
            "num_sources_used": 3,
        },
        Usage(32, 103, 6, reasoning=94, server_tools=(("num_sources_used", 3),)),
    ),
    (
        "Gemini's chat, whose total alone has the thoughts",
        {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 40},
        Usage(10, 30),
    ),
    (
        "a prompt that leaves its cache out, as the total shows",
        {
            "prompt_tokens": 7,
            "completion_tokens": 5,
            "total_tokens": 19,
            "cache_read_input_tokens": 4,
            "cache_creation_input_tokens": 3,
        },
        Usage(14, 5, 4, 3),
    ),
    (
        "a gateway in front of Anthropic",
        {
            "prompt_tokens": 90,
            "completion_tokens": 5,
            "total_tokens": 95,
            "prompt_tokens_details": {
                "cached_tokens": 30,
                "cache_creation_tokens": 20,
                "cache_creation_token_details": {"ephemeral_1h_input_tokens": 12},
            },
        },
        Usage(90, 5, 30, 20, cache_write_1h=12),
    ),
    (
        "more reasoning than answer and no total",
        {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "completion_tokens_details": {"reasoning_tokens": 20},
        },
        Usage(10, 25, reasoning=20),
    ),
    (
        "OpenRouter",
        {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "cost": 0.00014,
            "cost_details": {"upstream_inference_cost": 0.1},
            "server_tool_use": {"web_search_requests": 2},
        },
        Usage(10, 5, server_tools=(("web_search_requests", 2),)),
    ),
    (
        "Perplexity",
        {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "num_search_queries": 1},
        Usage(10, 5, server_tools=(("num_search_queries", 1),)),
    ),
]
MESSAGES_FORMS: list[tuple[str, Json, Usage | None]] = [
    ("plain", {"input_tokens": 9, "output_tokens": 4}, Usage(9, 4)),
    ("floats", {"input_tokens": 9.0, "output_tokens": 4.0}, Usage(9, 4)),
    ("nothing", {}, None),
    ("a flag", {"input_tokens": True, "output_tokens": []}, None),
    (
        "Anthropic",
        {
            "input_tokens": 9,
            "output_tokens": 40,
            "cache_read_input_tokens": 100,
            "cache_creation_input_tokens": 50,
            "cache_creation": {"ephemeral_1h_input_tokens": 30, "ephemeral_5m_input_tokens": 20},
            "output_tokens_details": {"thinking_tokens": 12},
            "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
            "service_tier": "priority",
        },
        Usage(
            159,
            40,
            100,
            50,
            cache_write_1h=30,
            reasoning=12,
            server_tools=(("web_search_requests", 2),),
            tier="priority",
        ),
    ),
    (
        "the parts of what was written alone",
        {
            "input_tokens": 9,
            "output_tokens": 4,
            "cache_creation": {"ephemeral_1h_input_tokens": 30, "ephemeral_5m_input_tokens": 20},
        },
        Usage(59, 4, 0, 50, cache_write_1h=30),
    ),
    (
        "fast",
        {"input_tokens": 9, "output_tokens": 4, "service_tier": "standard", "speed": "fast"},
        Usage(9, 4, tier="fast"),
    ),
]


@pytest.mark.parametrize(("usage", "expected"), [form[1:] for form in CHAT_FORMS])
@pytest.mark.parametrize("wire", [Wire.OPENAI_CHAT, Wire.OPENAI_COMPLETIONS])
def test_usage_in_every_form_of_chat(wire: Wire, usage: Json, expected: Usage | None) -> None:
    for answer in (
        {"usage": usage},
        {"x_groq": {"usage": usage}},
        {"choices": [{"usage": usage, "finish_reason": 3}]},
        {"usage": usage, "choices": "odd"},
    ):
        assert WIRES[wire].usage(encoded(answer)) == expected


@pytest.mark.parametrize(("usage", "expected"), [form[1:] for form in MESSAGES_FORMS])
def test_usage_in_every_form_of_messages(usage: Json, expected: Usage | None) -> None:
    assert WIRES[Wire.ANTHROPIC_MESSAGES].usage(encoded({"usage": usage})) == expected


def test_an_answer_of_responses_tells_its_tier_and_the_tools_that_openai_ran() -> None:
    answer = {
        "usage": {"input_tokens": 9, "output_tokens": 4},
        "service_tier": "flex",
        "output": [{"type": "web_search_call"}, {"type": "web_search_call"}, {"type": "message"}],
    }
    expected = Usage(9, 4, server_tools=(("web_search_call", 2),), tier="flex")
    assert WIRES[Wire.OPENAI_RESPONSES].usage(encoded(answer)) == expected
    reader = WIRES[Wire.OPENAI_RESPONSES].reader()
    reader.feed(event({"type": "response.completed", "response": answer}))
    assert reader.usage == expected
    odd = {"usage": {"input_tokens": 9, "output_tokens": 4}, "output": "odd"}
    assert WIRES[Wire.OPENAI_RESPONSES].usage(encoded(odd)) == Usage(9, 4)


@pytest.mark.parametrize("later", [{"input_tokens": 0}, {"input_tokens": None}, {}])
def test_a_later_event_of_messages_takes_nothing_away(later: Json) -> None:
    reader = WIRES[Wire.ANTHROPIC_MESSAGES].reader()
    started = {"input_tokens": 9, "cache_read_input_tokens": 100, "output_tokens": 1}
    reader.feed(event({"type": "message_start", "message": {"usage": started}}))
    reader.feed(event({"type": "message_delta", "usage": {**later, "output_tokens": 7}}))
    assert reader.usage == Usage(109, 7, 100)


def test_a_usage_in_every_chunk_counts_once() -> None:
    reader = WIRES[Wire.OPENAI_CHAT].reader()
    for output in (1, 2, 3, 0):
        reader.feed(event({"usage": {"prompt_tokens": 9, "completion_tokens": output}}))
    assert reader.usage == Usage(9, 3)


def test_a_chat_answer_tells_its_tier() -> None:
    answer = {"usage": {"prompt_tokens": 9, "completion_tokens": 4}, "service_tier": "priority"}
    assert WIRES[Wire.OPENAI_CHAT].usage(encoded(answer)) == Usage(9, 4, tier="priority")


COUNTS = st.one_of(
    st.integers(-5, 60), st.floats(allow_nan=False, allow_infinity=False), st.none(), st.booleans()
)
NAMES = st.sampled_from(
    [
        *("prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "output_tokens"),
        *("cached_tokens", "prompt_cache_hit_tokens", "prompt_cache_miss_tokens"),
        *("cache_read_input_tokens", "cache_creation_input_tokens", "reasoning_tokens"),
        *("audio_tokens", "image_tokens", "cache_write_tokens", "ephemeral_1h_input_tokens"),
        *("ephemeral_5m_input_tokens", "thinking_tokens", "web_search_requests", "service_tier"),
        *("prompt_tokens_details", "completion_tokens_details", "input_tokens_details"),
        *("output_tokens_details", "cache_creation", "server_tool_use", "speed"),
        "cache_creation_token_details",
    ]
)
ANY = st.recursive(
    COUNTS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=20,
)
USAGES = st.dictionaries(NAMES, ANY, max_size=10) | ANY
COUNT = st.integers(0, 10**6)


@st.composite
def told_usages(draw: st.DrawFn) -> Usage:
    plain, cached, written, said, thought = (draw(COUNT) for _ in range(5))
    return Usage(
        input=plain + cached + written,
        output=said + thought,
        cached_input=cached,
        cache_write=written,
        cache_write_1h=draw(st.integers(0, written)),
        reasoning=thought,
        server_tools=draw(st.sampled_from([(), (("web_search_requests", 3),)])),
    )


@given(usage=USAGES)
def test_no_json_is_an_error_and_the_parts_fit_into_the_whole(usage: object) -> None:
    for told in (openai.read(usage), messages.read(usage)):
        if told is not None:
            assert all(0 <= number <= 3 * MAX_TOKENS for number in numbers(told))
            assert told.cached_input + told.cache_write <= told.input
            assert told.cache_write_1h <= told.cache_write
            assert told.reasoning <= told.output


@pytest.mark.parametrize("wire", [Wire.OPENAI_CHAT, Wire.ANTHROPIC_MESSAGES])
@given(usages=st.lists(USAGES, max_size=6))
def test_counts_never_fall_within_a_stream(wire: Wire, usages: list[object]) -> None:
    reader = WIRES[wire].reader()
    before: Usage | None = None
    for usage in usages:
        reader.feed(event({"type": "message_delta", "usage": usage}))
        after = reader.usage
        if before is not None:
            assert after is not None
            pairs = zip(numbers(before), numbers(after), strict=True)
            assert all(earlier <= later for earlier, later in pairs)
            assert after.cached_input + after.cache_write <= after.input
        before = after


@given(usage=told_usages())
def test_what_is_written_is_read_again(usage: Usage) -> None:
    chat = openai.read(openai.write_chat(usage))
    response = openai.read(openai.write_responses(usage))
    assert messages.read(messages.write(usage)) == usage
    assert chat == response == bare(usage)


@given(one=told_usages(), other=told_usages())
def test_what_two_parts_of_a_stream_tell_has_no_order(one: Usage, other: Usage) -> None:
    assert grown(one, other) == grown(other, one)
    assert grown(one, None) == grown(None, one) == one


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def event(value: object) -> Event:
    return Event("", encoded(value))


def numbers(usage: Usage) -> list[int]:
    return [value for value in astuple(usage) if isinstance(value, int)]


def bare(usage: Usage) -> Usage:
    """Without what OpenAI's usage has no place for."""
    return replace(usage, cache_write_1h=0, server_tools=())
