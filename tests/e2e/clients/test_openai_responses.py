"""The official OpenAI client's responses."""

from collections.abc import Callable

import openai
import pytest
from openai.types.responses import EasyInputMessageParam, FunctionToolParam, ResponseInputItemParam
from pydantic import BaseModel

from support.clients.routes import Out, Route

QUESTION = "What is 2 + 2?"
TOOL: FunctionToolParam = {
    "type": "function",
    "name": "read_gauge",
    "parameters": {
        "type": "object",
        "properties": {"gauge": {"type": "string"}},
        "required": ["gauge"],
    },
    "strict": False,
}


# llama.cpp's own stream leaves `output_index` out, which the client's `stream()` can't do without.
UNPLACED = "yes, by `create(stream=True)`"


def _unplaced(route: Route) -> bool:
    return route.out is Out.OPENAI and not route.stand_in


class Verdict(BaseModel):
    """What a structured answer must be."""

    right: bool
    why: str


@pytest.mark.compatibility("openai", "responses", "answer, usage")
def test_answer(client: openai.OpenAI, route: Route) -> None:
    done = client.responses.create(model=route.model, input=QUESTION, instructions="Be short.")
    assert done.output_text
    assert done.status == "completed"
    assert done.usage is not None
    assert done.usage.input_tokens > 0
    assert done.usage.total_tokens == done.usage.input_tokens + done.usage.output_tokens


@pytest.mark.compatibility("openai", "responses", "async, stream")
async def test_async_stream(
    aclient: openai.AsyncOpenAI, route: Route, record_property: Callable[[str, object], None]
) -> None:
    if _unplaced(route):
        record_property("cell", UNPLACED)
        plain = await aclient.responses.create(model=route.model, input=QUESTION, stream=True)
        assert [event.type async for event in plain][-1] == "response.completed"
        return
    kinds: list[str] = []
    text = ""
    async with aclient.responses.stream(model=route.model, input=QUESTION) as stream:
        async for event in stream:
            kinds.append(event.type)
            text += event.delta if event.type == "response.output_text.delta" else ""
        done = await stream.get_final_response()
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert done.output_text == text
    assert done.usage is not None
    assert done.usage.output_tokens > 0


@pytest.mark.compatibility("openai", "responses", "token limit")
def test_token_limit(
    client: openai.OpenAI, route: Route, record_property: Callable[[str, object], None]
) -> None:
    done = client.responses.create(model=route.model, input=QUESTION, max_output_tokens=1)
    if _unplaced(route):
        record_property("cell", "yes, but the server says `completed`")
    else:
        assert done.status == "incomplete"
        assert done.incomplete_details is not None
        assert done.incomplete_details.reason == "max_output_tokens"


@pytest.mark.compatibility("openai", "responses", "tools and their result")
def test_tools_and_their_result(client: openai.OpenAI, route: Route) -> None:
    asked = client.responses.create(
        model=route.model, input=QUESTION, tools=[TOOL], tool_choice="required"
    )
    calls = [item for item in asked.output if item.type == "function_call"]
    assert calls[0].name == "read_gauge"
    given: list[ResponseInputItemParam] = [
        {
            "type": "function_call",
            "call_id": call.call_id,
            "name": call.name,
            "arguments": call.arguments,
        }
        for call in calls
    ]
    results: list[ResponseInputItemParam] = [
        {"type": "function_call_output", "call_id": call.call_id, "output": "1.42 m"}
        for call in calls
    ]
    turns: list[ResponseInputItemParam] = [
        EasyInputMessageParam(role="user", content=QUESTION),
        *given,
        *results,
    ]
    done = client.responses.create(model=route.model, input=turns, tools=[TOOL])
    assert done.status == "completed"
    assert done.output


@pytest.mark.compatibility("openai", "responses", "tools in a stream")
def test_tools_in_a_stream(
    client: openai.OpenAI, route: Route, record_property: Callable[[str, object], None]
) -> None:
    if _unplaced(route):
        record_property("cell", UNPLACED)
        plain = client.responses.create(
            model=route.model, input=QUESTION, tools=[TOOL], tool_choice="required", stream=True
        )
        assert "response.function_call_arguments.delta" in {event.type for event in plain}
        return
    with client.responses.stream(
        model=route.model, input=QUESTION, tools=[TOOL], tool_choice="required"
    ) as stream:
        done = stream.get_final_response()
    assert [item for item in done.output if item.type == "function_call"]


@pytest.mark.compatibility("openai", "responses", "structured output")
def test_structured_output(
    client: openai.OpenAI, route: Route, record_property: Callable[[str, object], None]
) -> None:
    if route.out is not Out.CHAT and not route.stand_in:
        record_property("cell", "the server has none")
        return
    done = client.responses.parse(model=route.model, input=QUESTION, text_format=Verdict)
    assert isinstance(done.output_parsed, Verdict)


@pytest.mark.compatibility("openai", "responses", "`previous_response_id` is refused by name")
def test_state_is_refused(client: openai.OpenAI, route: Route) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        client.responses.create(model=route.model, input=QUESTION, previous_response_id="resp_none")
    assert 400 <= refused.value.status_code < 500
    assert "previous_response_id" in str(refused.value)
