"""What Weir does at LiteLLM's hooks: the group, the fallbacks, and never a failed call."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

import weir
from support import resources
from support.bundles import tiny_bundle
from weir.litellm.groups import ModelGroups, RefusedCall
from weir.litellm.hooks import DecisionHooks
from weir.litellm.strategy import RoutingStrategy, use_weir

WEAK = resources.backend("weak", price={"input": "1", "output": "1"})
HARD = {"name": "hard", "when": "request.text.contains('hard')", "use": "strong"}
TIER = {"name": "tier", "when": "request.headers['x-tier'] == 'gold'", "use": "strong"}
CHAT = resources.policy(
    "chat",
    rules=[HARD, TIER],
    objective={"threshold": "1"},
    failureMode={"scorer": "strong", "upstream": ["strong", "weak"]},
)
POOR = resources.policy(
    "poor",
    match={"models": ["poor-*"]},
    objective={"budget": {"usd": "0.000001", "per": "day", "whenSpent": "reject"}},
    failureMode={"scorer": "reject"},
)
RICH = resources.policy(
    "rich", match={"models": ["rich"]}, objective={"budget": {"usd": "5", "per": "day"}}
)


@pytest.fixture(scope="module")
def decider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[weir.Decider]:
    bundle = tiny_bundle(tmp_path_factory.mktemp("bundle"))
    policies = [WEAK, resources.backend("strong"), CHAT, POOR, RICH]
    with weir.Decider.open(policies, bundle=bundle) as opened:
        yield opened


@pytest.fixture
def hooks(decider: weir.Decider) -> DecisionHooks:
    return DecisionHooks(ModelGroups(decider, {"weak": "mini"}))


def call(text: Any = "hi", model: str = "auto", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


async def routed(hooks: DecisionHooks, data: dict[str, Any], kind: str = "acompletion") -> Any:
    return await hooks.async_pre_call_hook(object(), object(), data, kind)


async def test_the_group_and_its_fallbacks_are_written_into_the_call(hooks: DecisionHooks) -> None:
    data = await routed(hooks, call("hi"))
    assert (data["model"], data["fallbacks"]) == ("mini", ["strong"])
    note = data["metadata"]["weir"]
    assert (note["policy"], note["backend"], note["reason"]) == ("shop/chat", "weak", "scored")
    assert await hooks.async_post_call_response_headers_hook(data, object()) == {
        "x-weir-decision": note["decision"],
        "x-weir-model": "weak",
        "x-weir-policy": "shop/chat",
        "x-weir-reason": "scored",
    }


async def test_a_calls_own_fallbacks_stay(hooks: DecisionHooks) -> None:
    assert (await routed(hooks, call("hi", fallbacks=["mine"])))["fallbacks"] == ["mine"]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (call("hard"), "completion"),
        (call("hard", system="Be kind.", max_tokens=9), "anthropic_messages"),
        ({"model": "auto", "input": "hard"}, "aresponses"),
        ({"model": "auto", "prompt": "hard"}, "atext_completion"),
    ],
)
async def test_every_api_is_read(hooks: DecisionHooks, data: dict[str, Any], kind: str) -> None:
    assert (await routed(hooks, data, kind))["model"] == "strong"


async def test_clients_headers_and_anthropics_metadata_are_left_alone(hooks: DecisionHooks) -> None:
    request = {"headers": {"x-tier": "gold"}}
    metadata = {"user_id": "u"}
    data = call(metadata=metadata, litellm_metadata={}, proxy_server_request=request, max_tokens=9)
    data = await routed(hooks, data, "anthropic_messages")
    assert data["model"] == "strong"
    assert data["metadata"] == {"user_id": "u"}
    assert data["litellm_metadata"]["weir"]["reason"] == "rule:tier"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (call(model="other"), "acompletion"),
        (call(), "aimage_generation"),
        ({"messages": []}, "acompletion"),
    ],
)
async def test_what_is_not_weirs_stays_as_it_is(
    hooks: DecisionHooks, data: dict[str, Any], kind: str
) -> None:
    assert await routed(hooks, dict(data), kind) == data
    assert await hooks.async_post_call_response_headers_hook(data) is None


@pytest.mark.parametrize("content", [3, [{"type": "text"}]])
async def test_a_request_that_weir_cannot_read_goes_where_failure_mode_says(
    hooks: DecisionHooks, content: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        data = await routed(hooks, call(content))
    assert data["model"] == "strong"
    assert "no decision for model auto, so strong answers" in caplog.text


async def test_where_failure_mode_rejects_litellm_has_the_last_word(hooks: DecisionHooks) -> None:
    assert (await routed(hooks, call(3, model="poor-1")))["model"] == "poor-1"


async def test_what_a_policy_refuses_is_refused(hooks: DecisionHooks) -> None:
    with pytest.raises(RefusedCall, match="the budget of policy shop/poor") as refused:
        await routed(hooks, call(model="poor-1"))
    assert refused.value.status_code == 429


async def test_an_answers_tokens_settle_its_decision(decider: weir.Decider) -> None:
    hooks = DecisionHooks(ModelGroups(decider, None))
    data = await routed(hooks, call(model="rich"))
    logged = {
        "litellm_params": {"metadata": data["metadata"]},
        "standard_logging_object": {"prompt_tokens": 5, "completion_tokens": 7},
    }
    await hooks.async_log_success_event(logged, object(), object(), object())
    decision = data["metadata"]["weir"]["decision"]
    assert not decider.settle(decision, prompt_tokens=1, answer_tokens=1)


class Router:
    """What LiteLLM's Router has: its own choice of a deployment, and a place for a strategy."""

    strategy: RoutingStrategy

    def set_custom_routing_strategy(self, strategy: RoutingStrategy) -> None:
        self.strategy = strategy

    def get_available_deployment(self, model: str, **call: Any) -> dict[str, Any]:
        return {"model_name": model, **call}

    async def async_get_available_deployment(self, model: str, **call: Any) -> dict[str, Any]:
        return {"model_name": model, **call}


async def test_the_routers_strategy_chooses_the_group_and_leaves_the_rest(
    decider: weir.Decider,
) -> None:
    router: Router = use_weir(Router(), decider, {"weak": "mini"})
    messages = [{"role": "user", "content": "hi"}]
    kwargs: dict[str, Any] = {"metadata": {}}
    found = await router.strategy.async_get_available_deployment(
        "auto", messages=messages, request_kwargs=kwargs, specific_deployment=False
    )
    assert (found["model_name"], found["messages"]) == ("mini", messages)
    assert kwargs["metadata"]["weir"]["backend"] == "weak"
    assert router.strategy.get_available_deployment("auto", input="hard")["model_name"] == "strong"
    assert router.strategy.get_available_deployment("gpt", input="x")["model_name"] == "gpt"
