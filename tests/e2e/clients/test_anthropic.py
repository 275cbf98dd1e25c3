"""The official Anthropic client."""

from collections.abc import Callable

import anthropic
import pytest
from anthropic.types import MessageParam, ToolParam, ToolResultBlockParam
from pydantic import BaseModel

from support.clients.routes import Out, Route

HELLO: MessageParam = {"role": "user", "content": "What is 2 + 2?"}
TOOL: ToolParam = {
    "name": "read_gauge",
    "input_schema": {
        "type": "object",
        "properties": {"gauge": {"type": "string"}},
        "required": ["gauge"],
    },
}
TOKENS = 400


class Verdict(BaseModel):
    """What a structured answer must be."""

    right: bool
    why: str


@pytest.mark.compatibility("anthropic", "messages", "answer, usage")
def test_answer(claude: anthropic.Anthropic, route: Route) -> None:
    done = claude.messages.create(model=route.model, max_tokens=TOKENS, messages=[HELLO])
    assert done.content[0].type == "text"
    assert done.content[0].text
    assert done.stop_reason == "end_turn"
    assert done.usage.input_tokens + (done.usage.cache_read_input_tokens or 0) > 0
    assert done.usage.output_tokens > 0


@pytest.mark.compatibility("anthropic", "messages", "async, stream")
async def test_async_stream(aclaude: anthropic.AsyncAnthropic, route: Route) -> None:
    async with aclaude.messages.stream(
        model=route.model, max_tokens=TOKENS, system="Be short.", messages=[HELLO]
    ) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        done = await stream.get_final_message()
    assert done.content[0].type == "text"
    assert done.content[0].text == text
    assert done.stop_reason == "end_turn"
    assert done.usage.output_tokens > 0


@pytest.mark.compatibility("anthropic", "messages", "token limit")
def test_token_limit(claude: anthropic.Anthropic, route: Route) -> None:
    done = claude.messages.create(model=route.model, max_tokens=1, messages=[HELLO])
    assert done.stop_reason == "max_tokens"


@pytest.mark.compatibility("anthropic", "messages", "tools and their result")
def test_tools_and_their_result(claude: anthropic.Anthropic, route: Route) -> None:
    asked = claude.messages.create(
        model=route.model,
        max_tokens=TOKENS,
        messages=[HELLO],
        tools=[TOOL],
        tool_choice={"type": "any"},
    )
    calls = [block for block in asked.content if block.type == "tool_use"]
    assert asked.stop_reason == "tool_use"
    assert calls[0].name == "read_gauge"
    results: list[ToolResultBlockParam] = [
        {"type": "tool_result", "tool_use_id": call.id, "content": "1.42 m"} for call in calls
    ]
    turns: list[MessageParam] = [
        HELLO,
        {"role": "assistant", "content": asked.content},
        {"role": "user", "content": results},
    ]
    done = claude.messages.create(
        model=route.model, max_tokens=TOKENS, messages=turns, tools=[TOOL]
    )
    assert done.content


@pytest.mark.compatibility("anthropic", "messages", "tools in a stream")
def test_tools_in_a_stream(claude: anthropic.Anthropic, route: Route) -> None:
    with claude.messages.stream(
        model=route.model,
        max_tokens=TOKENS,
        messages=[HELLO],
        tools=[TOOL],
        tool_choice={"type": "tool", "name": "read_gauge"},
    ) as stream:
        done = stream.get_final_message()
    assert [block for block in done.content if block.type == "tool_use"]


@pytest.mark.compatibility("anthropic", "messages", "structured output")
def test_structured_output(
    claude: anthropic.Anthropic, route: Route, record_property: Callable[[str, object], None]
) -> None:
    if route.out is Out.MESSAGES and not route.stand_in:
        record_property("cell", "the server has none")
        return
    done = claude.messages.parse(
        model=route.model, max_tokens=TOKENS, messages=[HELLO], output_format=Verdict
    )
    assert isinstance(done.parsed_output, Verdict)


@pytest.mark.compatibility("anthropic", "messages", "thinking, given back")
def test_thinking(
    claude: anthropic.Anthropic, route: Route, record_property: Callable[[str, object], None]
) -> None:
    asked = claude.messages.create(
        model=route.model,
        max_tokens=4096,
        thinking={"type": "enabled", "budget_tokens": 1024},
        messages=[HELLO],
    )
    thoughts = [block for block in asked.content if block.type == "thinking"]
    if route.stand_in and route.out is Out.MESSAGES:
        assert thoughts[0].signature
    else:
        record_property("cell", "asked; the server thinks not")
    turns: list[MessageParam] = [HELLO, {"role": "assistant", "content": asked.content}, HELLO]
    done = claude.messages.create(model=route.model, max_tokens=TOKENS, messages=turns)
    assert done.content


@pytest.mark.compatibility("anthropic", "count_tokens", "count")
def test_count_tokens(
    claude: anthropic.Anthropic, route: Route, record_property: Callable[[str, object], None]
) -> None:
    if route.out is not Out.MESSAGES:
        record_property("cell", "estimated")
    assert claude.messages.count_tokens(model=route.model, messages=[HELLO]).input_tokens > 0
