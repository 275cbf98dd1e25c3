"""LlamaIndex's client of OpenAI-like servers, from an environment of its own."""

import os
from pathlib import Path

import pytest

from support.clients.own_environment import NotInstallableError, ask, environment
from support.clients.routes import Route


@pytest.fixture(scope="session")
def python() -> Path:
    """Its Python; skipped where there is no registry to install from, which CI must have."""
    try:
        return environment("llama-index")
    except NotInstallableError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(f"{error}; a package registry must be reachable once")


@pytest.mark.compatibility("llama-index-llms-openai-like", "chat completions", "answer, usage")
def test_answer(gateway: str, route: Route, python: Path) -> None:
    told = ask(python, f"{gateway}/v1", route.model, "answer")
    assert told["text"]
    assert told["chat"]
    assert told["in"] > 0


@pytest.mark.compatibility("llama-index-llms-openai-like", "chat completions", "stream")
def test_stream(gateway: str, route: Route, python: Path) -> None:
    told = ask(python, f"{gateway}/v1", route.model, "stream")
    assert told["pieces"] > 1
    assert told["joined"] == told["last"] != ""


@pytest.mark.compatibility("llama-index-llms-openai-like", "chat completions", "tools")
def test_tools(gateway: str, route: Route, python: Path) -> None:
    assert ask(python, f"{gateway}/v1", route.model, "tools")["called"] == ["read_gauge"]


def test_an_unknown_model_raises_its_clients_own_exception(gateway: str, python: Path) -> None:
    told = ask(python, f"{gateway}/v1", "nobody", "error")
    assert told == {"raised": "NotFoundError", "status": 404}
