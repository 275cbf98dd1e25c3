"""The official OpenAI client's chat completions."""

from collections.abc import Callable

import openai
import pytest
from openai.types.chat import (
    ChatCompletionFunctionToolParam,
    ChatCompletionMessageParam,
    ChatCompletionToolMessageParam,
    ChatCompletionUserMessageParam,
)
from pydantic import BaseModel

from support.clients.routes import Out, Route

HELLO: ChatCompletionUserMessageParam = {"role": "user", "content": "What is 2 + 2?"}
TOOL: ChatCompletionFunctionToolParam = {
    "type": "function",
    "function": {
        "name": "read_gauge",
        "parameters": {
            "type": "object",
            "properties": {"gauge": {"type": "string"}},
            "required": ["gauge"],
        },
    },
}


class Verdict(BaseModel):
    """What a structured answer must be."""

    right: bool
    why: str


@pytest.mark.compatibility("openai", "chat completions", "answer, usage")
def test_answer(client: openai.OpenAI, route: Route) -> None:
    done = client.chat.completions.create(model=route.model, messages=[HELLO])
    assert done.choices[0].message.content
    assert done.choices[0].finish_reason == "stop"
    assert done.usage is not None
    assert done.usage.prompt_tokens > 0
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens


@pytest.mark.compatibility("openai", "chat completions", "async, stream")
async def test_async_stream(aclient: openai.AsyncOpenAI, route: Route) -> None:
    whole = await aclient.chat.completions.create(model=route.model, messages=[HELLO], seed=7)
    async with aclient.chat.completions.stream(
        model=route.model, messages=[HELLO], seed=7, stream_options={"include_usage": True}
    ) as stream:
        done = await stream.get_final_completion()
    assert done.choices[0].message.content == whole.choices[0].message.content
    assert done.choices[0].finish_reason == "stop"
    assert done.usage is not None
    assert whole.usage is not None
    assert done.usage.completion_tokens == whole.usage.completion_tokens


@pytest.mark.compatibility("openai", "chat completions", "token limit")
def test_token_limit(client: openai.OpenAI, route: Route) -> None:
    done = client.chat.completions.create(model=route.model, messages=[HELLO], max_tokens=1)
    assert done.choices[0].finish_reason == "length"


@pytest.mark.compatibility("openai", "chat completions", "tools and their result")
def test_tools_and_their_result(client: openai.OpenAI, route: Route) -> None:
    asked = client.chat.completions.create(
        model=route.model, messages=[HELLO], tools=[TOOL], tool_choice="required"
    )
    assert asked.choices[0].finish_reason == "tool_calls"
    calls = asked.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].type == "function"
    assert calls[0].function.name == "read_gauge"
    turns: list[ChatCompletionMessageParam] = [
        HELLO,
        {
            "role": "assistant",
            "tool_calls": [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {
                        "name": call.function.name,
                        "arguments": call.function.arguments,
                    },
                }
                for call in calls
                if call.type == "function"
            ],
        },
        *(
            ChatCompletionToolMessageParam(role="tool", tool_call_id=call.id, content="1.42 m")
            for call in calls
        ),
    ]
    done = client.chat.completions.create(model=route.model, messages=turns, tools=[TOOL])
    assert done.choices[0].finish_reason in {"stop", "tool_calls"}


@pytest.mark.compatibility("openai", "chat completions", "tools in a stream")
def test_tools_in_a_stream(client: openai.OpenAI, route: Route) -> None:
    with client.chat.completions.stream(
        model=route.model, messages=[HELLO], tools=[TOOL], tool_choice="required"
    ) as stream:
        done = stream.get_final_completion()
    assert done.choices[0].message.tool_calls
    assert done.choices[0].message.tool_calls[0].function.name == "read_gauge"


@pytest.mark.compatibility("openai", "chat completions", "structured output")
def test_structured_output(
    client: openai.OpenAI, route: Route, record_property: Callable[[str, object], None]
) -> None:
    if route.out is Out.MESSAGES and not route.stand_in:
        record_property("cell", "the server has none")
        return
    done = client.chat.completions.parse(
        model=route.model, messages=[HELLO], response_format=Verdict
    )
    assert isinstance(done.choices[0].message.parsed, Verdict)
