"""The official OpenAI client's legacy completions, embeddings and models."""

from collections.abc import Callable

import openai
import pytest

from support.clients.routes import ROUTES, Out, Route


@pytest.mark.compatibility("openai", "completions", "answer")
def test_completion(client: openai.OpenAI, route: Route) -> None:
    done = client.completions.create(model=route.model, prompt="A weir is", max_tokens=200)
    assert done.choices[0].text
    assert done.choices[0].finish_reason == "stop"
    assert done.usage is not None
    assert done.usage.completion_tokens > 0


@pytest.mark.compatibility("openai", "completions", "async, stream")
async def test_completion_stream(aclient: openai.AsyncOpenAI, route: Route) -> None:
    stream = await aclient.completions.create(
        model=route.model, prompt="A weir is", max_tokens=200, stream=True
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].text for c in chunks if c.choices)
    finishes = [c.choices[0].finish_reason for c in chunks if c.choices]
    assert finishes[-1] == "stop"


@pytest.mark.compatibility("openai", "completions", "`echo` is refused by name")
def test_echo(
    client: openai.OpenAI, route: Route, record_property: Callable[[str, object], None]
) -> None:
    if route.out is Out.OPENAI:  # passes to the server, whose business it is
        record_property("cell", "the server's own")
        client.completions.create(model=route.model, prompt="A weir is", echo=True)
        return
    with pytest.raises(openai.BadRequestError, match="echo") as refused:
        client.completions.create(model=route.model, prompt="A weir is", echo=True)
    assert refused.value.param == "echo"


@pytest.mark.compatibility("openai", "models", "list, retrieve")
def test_models(client: openai.OpenAI) -> None:
    assert {route.model for route in ROUTES} <= {model.id for model in client.models.list()}
    assert client.models.retrieve(ROUTES[0].model).id == ROUTES[0].model
