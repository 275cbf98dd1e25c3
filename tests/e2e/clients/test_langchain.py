"""LangChain's clients of OpenAI and Anthropic."""

import openai
import pytest
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessageChunk, HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr

from support.clients.routes import Out, Route

QUESTION = "What is 2 + 2?"
NONE = SecretStr("none")


class ReadGauge(BaseModel):
    """Read a gauge."""

    gauge: str


def openai_model(
    gateway: str, route: Route, *, responses: bool = False, http: object = None
) -> ChatOpenAI:
    """The client; by `http` it asks asynchronously, for its own is kept past a test's loop."""
    return ChatOpenAI(
        model=route.model,
        base_url=f"{gateway}/v1",
        api_key=NONE,
        max_retries=0,
        stream_usage=True,
        use_responses_api=responses,
        http_async_client=http,
    )


@pytest.mark.compatibility("langchain-openai", "chat completions", "answer, usage")
def test_answer(gateway: str, route: Route) -> None:
    done = openai_model(gateway, route).invoke(QUESTION)
    assert done.text
    assert done.usage_metadata is not None
    assert done.usage_metadata["input_tokens"] > 0


@pytest.mark.compatibility("langchain-openai", "chat completions", "async, stream")
async def test_stream(gateway: str, route: Route) -> None:
    whole: AIMessageChunk | None = None
    async with openai.DefaultAsyncHttpxClient() as http:
        async for chunk in openai_model(gateway, route, http=http).astream(QUESTION):
            whole = chunk if whole is None else whole + chunk
    assert whole is not None
    assert whole.text
    assert whole.usage_metadata is not None
    assert whole.usage_metadata["output_tokens"] > 0


@pytest.mark.compatibility("langchain-openai", "chat completions", "tools and their result")
def test_tools(gateway: str, route: Route) -> None:
    model = openai_model(gateway, route)
    bound = model.bind_tools([ReadGauge], tool_choice="required")  # pyright: ignore[reportUnknownMemberType] - partly untyped there
    asked = bound.invoke(QUESTION)
    assert asked.tool_calls[0]["name"] == "ReadGauge"
    results = [ToolMessage("1.42 m", tool_call_id=call["id"]) for call in asked.tool_calls]
    done = openai_model(gateway, route).invoke([HumanMessage(QUESTION), asked, *results])
    assert done.text


@pytest.mark.compatibility("langchain-openai", "responses", "answer, usage")
def test_responses(gateway: str, route: Route) -> None:
    done = openai_model(gateway, route, responses=True).invoke(QUESTION)
    assert done.text
    assert done.usage_metadata is not None


@pytest.mark.compatibility("langchain-openai", "responses", "async, stream")
async def test_responses_stream(gateway: str, route: Route) -> None:
    async with openai.DefaultAsyncHttpxClient() as http:
        model = openai_model(gateway, route, responses=True, http=http)
        assert "".join([chunk.text async for chunk in model.astream(QUESTION)])


@pytest.mark.compatibility("langchain-anthropic", "messages", "answer, stream, tools")
def test_anthropic(gateway: str, route: Route) -> None:
    model = ChatAnthropic(
        model_name=route.model,
        base_url=gateway,
        api_key=NONE,
        max_retries=0,
        max_tokens_to_sample=400,
        timeout=60,
        stop=None,
    )
    assert model.invoke(QUESTION).text
    assert "".join(chunk.text for chunk in model.stream(QUESTION))
    bound = model.bind_tools([ReadGauge], tool_choice="any")  # pyright: ignore[reportUnknownMemberType] - partly untyped there
    asked = bound.invoke(QUESTION)
    assert asked.tool_calls or route.out is Out.MESSAGES
