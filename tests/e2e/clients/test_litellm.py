"""A real LiteLLM proxy and Router that Weir's library decides for, with the official clients."""

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from anthropic import Anthropic
from openai import AsyncOpenAI, OpenAI, RateLimitError

from support.bundles import tiny_bundle
from support.clients import litellm_router_program
from support.clients.litellm_proxy import Proxy, environment_variables, running_proxy
from support.clients.own_environment import NotInstallableError, environment
from support.polling import eventually
from support.programs import Program, stand_in

POLICIES = """\
apiVersion: weir.dev/v1alpha1
kind: ModelBackend
metadata: {name: small}
spec:
  protocol: openai
  endpoint: http://127.0.0.1:9/v1
  model: small-1
  capabilities: []
  price: {input: "1", output: "1"}
---
apiVersion: weir.dev/v1alpha1
kind: ModelBackend
metadata: {name: large}
spec: {protocol: openai, endpoint: "http://127.0.0.1:9/v1", model: large-1, capabilities: [tools]}
---
apiVersion: weir.dev/v1alpha1
kind: RoutePolicy
metadata: {name: chat}
spec:
  match: {models: [auto]}
  candidates: [{backend: small}, {backend: large}]
  rules:
    - {name: hard, when: "request.text.contains('hard')", use: large}
    - {name: team, when: "request.headers['x-team'] == 'a'", use: large}
  objective: {threshold: "1"}
  failureMode: {upstream: [large, small]}
---
apiVersion: weir.dev/v1alpha1
kind: ModelBackend
metadata: {name: broken}
spec: {protocol: openai, endpoint: "http://127.0.0.1:9/v1", model: broken-1}
---
apiVersion: weir.dev/v1alpha1
kind: RoutePolicy
metadata: {name: fragile}
spec:
  match: {models: [fragile]}
  candidates: [{backend: broken}, {backend: large}]
  objective: {threshold: "1"}
  failureMode: {upstream: [large]}
---
apiVersion: weir.dev/v1alpha1
kind: RoutePolicy
metadata: {name: poor}
spec:
  match: {models: [poor]}
  candidates: [{backend: small}, {backend: large}]
  objective: {budget: {usd: "0.000001", per: day, whenSpent: reject}}
---
apiVersion: weir.dev/v1alpha1
kind: RoutePolicy
metadata: {name: metered}
spec:
  match: {models: [metered]}
  candidates: [{backend: small}, {backend: broken}]
  rules: [{name: all, when: "request.chars > 0", use: small}]
  objective: {budget: {usd: "0.001", per: day, whenSpent: reject}}
"""
ANSWERS = 4  # more than two are estimated to cost the budget of `metered`, and they cost less
pytestmark = pytest.mark.timeout(700)  # installing it takes a minute or two, once
TOOL: Any = {"name": "f", "description": "f", "input_schema": {"type": "object", "properties": {}}}


@pytest.fixture(scope="module")
def python() -> Path:
    """LiteLLM's Python; skipped where there is no registry to install from, which CI must have."""
    try:
        return environment("litellm")
    except NotInstallableError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(f"{error}; a package registry must be reachable once")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    failing = ["--fail", "status=500,rate=1,model=broken-1"]
    with stand_in(*failing, log=tmp_path_factory.mktemp("stand-in") / "log") as running:
        yield running


@pytest.fixture(scope="module")
def proxy(
    python: Path, provider: Program, bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("litellm")
    with running_proxy(python, provider.url, POLICIES, bundle, folder) as running:
        yield running


@pytest.fixture
def openai(proxy: Proxy) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{proxy.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def called(provider: Program) -> dict[str, int]:
    """How often each model was called so far."""
    with urlopen(f"{provider.url}/stand-in/stats") as answer:  # noqa: S310 - our own server
        return {name: model["requests"] for name, model in json.load(answer)["models"].items()}


@pytest.mark.parametrize(
    ("prompt", "backend", "reason"),
    [("hi", "small", "scored"), ("a hard one", "large", "rule:hard")],
)
def test_chat_goes_where_weir_decides(
    openai: OpenAI, provider: Program, prompt: str, backend: str, reason: str
) -> None:
    before = called(provider).get(f"{backend}-1", 0)
    answer = openai.chat.completions.with_raw_response.create(
        model="auto", messages=[{"role": "user", "content": prompt}]
    )
    assert answer.headers["x-weir-model"] == backend
    assert answer.headers["x-weir-reason"] == reason
    assert answer.headers["x-litellm-model-group"] == backend
    assert called(provider)[f"{backend}-1"] == before + 1
    assert "unrouted" not in called(provider)


def test_a_stream_goes_there_too(openai: OpenAI, provider: Program) -> None:
    before = called(provider).get("large-1", 0)
    stream = openai.chat.completions.create(
        model="auto", messages=[{"role": "user", "content": "hard"}], stream=True
    )
    assert sum(bool(chunk.choices) for chunk in stream) > 1
    assert called(provider)["large-1"] == before + 1


def test_tools_and_headers_are_seen(openai: OpenAI) -> None:
    function = {"name": "f", "parameters": TOOL["input_schema"]}
    tool: Any = {"type": "function", "function": function}
    with_tools = openai.chat.completions.with_raw_response.create(
        model="auto",
        messages=[{"role": "user", "content": "hi"}],
        tools=[tool],
    )
    by_header = openai.chat.completions.with_raw_response.create(
        model="auto",
        messages=[{"role": "user", "content": "hi"}],
        extra_headers={"x-team": "a"},
    )
    assert with_tools.headers["x-weir-reason"] == "filtered"
    assert by_header.headers["x-weir-reason"] == "rule:team"


def test_anthropics_clients_are_decided(proxy: Proxy) -> None:
    with Anthropic(base_url=proxy.url, api_key="none", max_retries=0) as client:
        answer = client.messages.with_raw_response.create(
            model="auto",
            max_tokens=50,
            system="Be kind.",
            messages=[{"role": "user", "content": "hi"}],
            tools=[TOOL],
        )
    assert (answer.headers["x-weir-model"], answer.headers["x-weir-reason"]) == (
        "large",
        "filtered",
    )


def test_responses_are_decided(openai: OpenAI) -> None:
    answer = openai.responses.with_raw_response.create(model="auto", input="a hard one")
    assert answer.headers["x-weir-reason"] == "rule:hard"


def test_a_model_that_no_policy_serves_is_left_to_litellm(openai: OpenAI) -> None:
    answer = openai.chat.completions.with_raw_response.create(
        model="small", messages=[{"role": "user", "content": "hard"}]
    )
    assert "x-weir-model" not in answer.headers
    assert answer.headers["x-litellm-model-group"] == "small"


def test_what_a_policy_refuses_is_refused_with_its_status(openai: OpenAI) -> None:
    with pytest.raises(RateLimitError, match="the budget of policy default/poor"):
        openai.chat.completions.create(model="poor", messages=[{"role": "user", "content": "hi"}])


async def test_what_answers_took_settles_a_budget(proxy: Proxy) -> None:
    """LiteLLM reports an answer's tokens a moment after the answer."""
    answered = 0
    async with AsyncOpenAI(base_url=f"{proxy.url}/v1", api_key="none", max_retries=0) as client:

        async def enough() -> bool:
            nonlocal answered
            with contextlib.suppress(RateLimitError):
                await client.chat.completions.create(
                    model="metered", messages=[{"role": "user", "content": "hi"}]
                )
                answered += 1
            return answered >= ANSWERS

        await eventually(enough)


def test_litellm_falls_back_as_the_policy_says(openai: OpenAI, provider: Program) -> None:
    before = called(provider).get("large-1", 0)
    answer = openai.chat.completions.with_raw_response.create(
        model="fragile", messages=[{"role": "user", "content": "hi"}]
    )
    assert answer.headers["x-weir-model"] == "broken"  # what was decided
    assert answer.headers["x-litellm-attempted-fallbacks"] == "1"
    assert called(provider)["large-1"] == before + 1


def test_litellms_router_asks_weir_as_its_strategy(
    python: Path, provider: Program, bundle: Path, tmp_path: Path
) -> None:
    policies = tmp_path / "policies.yaml"
    policies.write_text(POLICIES)
    program = str(litellm_router_program.__file__)
    ran = subprocess.run(
        [str(python), program, provider.url, str(policies)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env=environment_variables(bundle),
    )
    assert ran.returncode == 0, ran.stderr
    answers = json.loads(ran.stdout)
    assert "small-1" in answers["sync"]
    assert "large-1" in answers["async"]
    assert "small-1" in answers["named"]
