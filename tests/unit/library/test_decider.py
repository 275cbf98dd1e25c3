"""Deciders: one decision for every way to ask, objectives that follow, errors that help."""

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import weir
from support import resources
from support.bundles import tiny_bundle

TOOL: dict[str, Any] = {"type": "function", "function": {"name": "f", "parameters": {}}}
MODELS = [resources.backend("weak"), resources.backend("strong")]


def chat(**spec: Any) -> list[dict[str, Any]]:
    return [*MODELS, resources.policy("chat", **spec)]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def decider(bundle: Path) -> Iterator[weir.Decider]:
    with weir.Decider.open(chat(), bundle=bundle) as opened:
        yield opened


def test_a_threshold_decides_and_says_what_led_to_it(bundle: Path) -> None:
    priced = [
        resources.backend("weak", model="w-1", price={"input": "1", "output": "2"}),
        resources.backend("strong", model="s-1", price={"input": "10", "output": "20"}),
        resources.policy("chat", objective={"threshold": "0"}),
    ]
    with weir.Decider.open(priced, bundle=bundle) as decider:
        decision = decider.decide("Why?")
    assert (decision.backend, decision.model, decision.provider) == ("strong", "s-1", "openai")
    assert (decision.policy, decision.reason, decision.strong) == ("shop/chat", "scored", True)
    assert decision.score is not None
    assert decision.score >= decision.threshold == 0.0  # type: ignore[operator] # a float here
    assert [c.backend for c in decision.candidates if c.chosen] == ["strong"]
    weak, strong = decision.candidates
    assert 0 < 9 * weak.estimated_usd < strong.estimated_usd
    assert decision.bundle.startswith("tiny@")
    assert "strong by policy shop/chat: scored" in decision.explain()
    assert decision.to_dict()["backend"] == "strong"


def test_rules_and_capabilities_decide_without_a_score(bundle: Path) -> None:
    rule = {"name": "team", "when": "request.headers['x-team'] == 'a'", "use": "strong"}
    policies = [
        resources.backend("weak", capabilities=[]),
        resources.backend("strong", capabilities=["tools"]),
        resources.policy("chat", rules=[rule]),
    ]
    with weir.Decider.open(policies, bundle=bundle) as decider:
        by_rule = decider.decide("Why?", headers={"X-Team": "a"})
        by_tools = decider.decide("Why?", tools=[TOOL])
    assert (by_rule.backend, by_rule.reason, by_rule.score) == ("strong", "rule:team", None)
    assert by_rule.rules == {"team": "holds"}
    assert (by_tools.backend, by_tools.reason) == ("strong", "filtered")
    assert by_tools.candidates[0].lacks == "tools"


async def test_sync_and_async_decide_alike(decider: weir.Decider) -> None:
    prompts = [f"Why {number}?" for number in range(50)]
    asked = await asyncio.gather(*(decider.adecide(prompt) for prompt in prompts))
    assert [d.score for d in asked] == [decider.decide(prompt).score for prompt in prompts]


def test_many_threads_and_loops_share_one_decider(decider: weir.Decider) -> None:
    expected = {f"Why {n}?": decider.decide(f"Why {n}?").score for n in range(40)}
    start = threading.Barrier(8)

    def in_thread(number: int) -> dict[str, float | None]:
        start.wait()
        if number % 2:
            return {prompt: decider.decide(prompt).score for prompt in expected}

        async def in_loop() -> dict[str, float | None]:
            asked = await asyncio.gather(*(decider.adecide(prompt) for prompt in expected))
            return dict(zip(expected, (d.score for d in asked), strict=True))

        return asyncio.run(in_loop())

    with ThreadPoolExecutor(8) as threads:
        assert all(each == expected for each in threads.map(in_thread, range(8)))


def test_a_share_follows_the_traffic_of_all_threads(bundle: Path) -> None:
    policies = chat(objective={"strongShare": "20%"})
    with weir.Decider.open(policies, bundle=bundle) as decider, ThreadPoolExecutor(4) as threads:
        decisions = list(threads.map(decider.decide, ["The same prompt."] * 400))
    assert sum(d.strong for d in decisions) == pytest.approx(80, abs=20)


def test_a_budget_counts_what_answers_cost(bundle: Path) -> None:
    policies = [
        resources.backend("weak", price={"input": "1", "output": "1"}),
        resources.backend("strong", price={"input": "1000000", "output": "1000000"}),
        resources.policy("chat", objective={"budget": {"usd": "1000", "per": "day"}}),
    ]
    with weir.Decider.open(policies, bundle=bundle) as decider:
        first = decider.decide("Why?")
        assert decider.settle(first, prompt_tokens=10_000_000, answer_tokens=10_000_000)
        assert not decider.settle(first, prompt_tokens=1, answer_tokens=1)
        later = [decider.decide("Why?") for _ in range(10)]
    assert {d.backend for d in later} == {"weak"}


async def test_a_cancelled_decision_leaves_the_decider_usable(decider: weir.Decider) -> None:
    task = asyncio.create_task(decider.adecide("Why?"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await decider.adecide("Why?")).backend


def test_new_policies_take_over_and_bad_ones_do_not(decider: weir.Decider) -> None:
    decider.reload(chat(objective={"threshold": "0"}))
    assert decider.decide("Why?").backend == "strong"
    with pytest.raises(weir.PolicyMistakes, match=r"object 3: spec\.objective\.threshold"):
        decider.reload(chat(objective={"threshold": "7"}))
    assert decider.decide("Why?").backend == "strong"


def test_only_served_models_are_decided(decider: weir.Decider) -> None:
    assert decider.serves("auto")
    assert not decider.serves("gpt")
    assert decider.backends == ("weak", "strong")
    with pytest.raises(weir.NoPolicy, match="no policy serves the model 'gpt'"):
        decider.decide("Why?", model="gpt")


def test_a_policy_that_rejects_raises_refused(bundle: Path) -> None:
    unable = [resources.backend(name, capabilities=[]) for name in ("weak", "strong")]
    with (
        weir.Decider.open([*unable, resources.policy()], bundle=bundle) as decider,
        pytest.raises(weir.Error) as raised,
    ):
        decider.decide("Why?", tools=[TOOL])
    assert isinstance(raised.value, weir.Refused | weir.BadRequest)


def test_a_closed_decider_says_so(bundle: Path) -> None:
    decider = weir.Decider.open(chat(), bundle=bundle)
    decider.close()
    decider.close()
    with pytest.raises(weir.DeciderClosed):
        decider.decide("Why?")


def test_mistakes_name_the_file_and_line_or_the_object(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("kind: RoutePolicy\n")
    with pytest.raises(weir.PolicyMistakes) as raised:
        weir.decide("Why?", [tmp_path, {"kind": "RoutePolicies"}], bundle=bundle)
    files = [mistake.split(":")[0] for mistake in raised.value.mistakes]
    assert {str(tmp_path / "policy.yaml"), "object 1"} == set(files)


def test_no_policy_at_all_is_a_mistake(bundle: Path) -> None:
    with pytest.raises(weir.PolicyMistakes, match="there is no RoutePolicy"):
        weir.decide("Why?", [], bundle=bundle)


def test_a_named_folder_without_a_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(weir.NoBundle, match="There is no bundle in"):
        weir.decide("Why?", chat(), bundle=tmp_path)


def test_a_broken_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bundle.json").write_text("{}")
    with pytest.raises(weir.NoBundle):
        weir.decide("Why?", chat(), bundle=tmp_path)


def test_the_plain_functions_share_a_decider_and_see_changed_files(
    bundle: Path, tmp_path: Path
) -> None:
    file = tmp_path / "all.yaml"

    def write(threshold: str) -> None:
        documents = chat(objective={"threshold": threshold})
        file.write_text("\n---\n".join(map(json.dumps, documents)))

    write("1.0")
    assert weir.decide("Why?", file, bundle=bundle).backend == "weak"
    later = asyncio.run(weir.adecide("Why?", str(file), bundle=str(bundle)))
    assert later.backend == "weak"
    write("0")
    assert weir.decide("Why?", file, bundle=bundle).backend == "strong"


async def test_it_opens_and_closes_beside_an_event_loop(bundle: Path) -> None:
    async with await weir.Decider.aopen(chat(), bundle=bundle) as decider:
        assert (await decider.adecide("Why?")).backend
    with pytest.raises(weir.DeciderClosed):
        await decider.adecide("Why?")
