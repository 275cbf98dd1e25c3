"""The official OpenAI client against `weir up -f examples/quickstart`."""

from collections.abc import AsyncIterator, Iterator

import openai
import pytest
from openai.types.chat import (
    ChatCompletionFunctionToolParam,
    ChatCompletionMessageParam,
    ChatCompletionUserMessageParam,
)
from pydantic import BaseModel

from support.programs import Program

EASY: ChatCompletionUserMessageParam = {"role": "user", "content": "What is 2 + 2?"}
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


@pytest.fixture
def client(weir_up: Program) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{weir_up.url}/v1", api_key="none", max_retries=0) as made:
        yield made


@pytest.fixture
async def aclient(weir_up: Program) -> AsyncIterator[openai.AsyncOpenAI]:
    url = f"{weir_up.url}/v1"
    async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as made:
        yield made


def test_sync(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="auto", messages=[EASY])
    done = raw.parse()
    assert (done.choices[0].message.content or "").startswith(f"[{done.model}, a stand-in]")
    assert raw.headers["x-weir-model"] == done.model
    assert raw.headers["x-weir-policy"] == "default/chat"
    assert raw.headers["x-weir-reason"] == "scored"
    assert 0 <= float(raw.headers["x-weir-score"]) <= 1
    assert float(raw.headers["x-weir-cost-usd"]) > 0
    assert len(raw.headers["x-weir-decision"]) == 32


async def test_async(aclient: openai.AsyncOpenAI) -> None:
    done = await aclient.chat.completions.create(model="auto", messages=[EASY], n=2)
    assert len({choice.message.content for choice in done.choices}) == 2


def test_streaming(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="auto", messages=[EASY])
    options = {"include_usage": True}
    stream = client.chat.completions.create(
        model="auto", messages=[EASY], stream=True, extra_body={"stream_options": options}
    )
    chunks = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage


async def test_async_streaming(aclient: openai.AsyncOpenAI) -> None:
    async with aclient.chat.completions.stream(model="auto", messages=[EASY]) as stream:
        done = await stream.get_final_completion()
    assert done.choices[0].finish_reason == "stop"


def test_tools_and_their_result(client: openai.OpenAI) -> None:
    question: ChatCompletionUserMessageParam = {"role": "user", "content": "Use read_gauge, mill."}
    asked = client.chat.completions.create(model="auto", messages=[question], tools=[TOOL])
    message = asked.choices[0].message
    assert asked.choices[0].finish_reason == "tool_calls"
    assert message.tool_calls is not None
    call = message.tool_calls[0]
    assert call.type == "function"
    assert call.function.name == "read_gauge"
    turns: list[ChatCompletionMessageParam] = [
        question,
        {
            "role": "assistant",
            "tool_calls": [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": "read_gauge", "arguments": call.function.arguments},
                }
            ],
        },
        {"role": "tool", "tool_call_id": call.id, "content": "1.42 m"},
    ]
    done = client.chat.completions.create(model="auto", messages=turns, tools=[TOOL])
    assert done.choices[0].finish_reason == "stop"
    assert done.choices[0].message.content


def test_tools_in_a_stream(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="auto",
        messages=[EASY],
        tools=[TOOL],
        tool_choice={"type": "function", "function": {"name": "read_gauge"}},
    ) as stream:
        done = stream.get_final_completion()
    assert done.choices[0].message.tool_calls
    assert done.choices[0].message.tool_calls[0].function.name == "read_gauge"


class Verdict(BaseModel):
    """What the structured answer must be."""

    right: bool
    why: str


def test_structured_output(client: openai.OpenAI) -> None:
    done = client.chat.completions.parse(model="auto", messages=[EASY], response_format=Verdict)
    assert isinstance(done.choices[0].message.parsed, Verdict)


async def test_structured_output_async(aclient: openai.AsyncOpenAI) -> None:
    done = await aclient.chat.completions.parse(
        model="auto", messages=[EASY], response_format=Verdict
    )
    assert isinstance(done.choices[0].message.parsed, Verdict)


def test_rule_decides_for_long_tool_conversations(client: openai.OpenAI) -> None:
    turns: list[ChatCompletionMessageParam] = [EASY] * 4
    raw = client.chat.completions.with_raw_response.create(
        model="auto", messages=turns, tools=[TOOL], tool_choice="none"
    )
    assert raw.headers["x-weir-reason"] == "rule:agents"
    assert raw.parse().model == "large"


def test_named_model_is_called_directly(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="large", messages=[EASY])
    assert raw.headers["x-weir-reason"] == "direct"


def test_models(client: openai.OpenAI) -> None:
    assert {model.id for model in client.models.list()} == {"auto", "small", "large"}
    assert client.models.retrieve("auto").id == "auto"


def test_unknown_model_is_the_clients_own_exception(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        client.chat.completions.create(model="nobody", messages=[EASY])
    assert refused.value.code == "model_not_found"
    assert "auto" in str(refused.value)
