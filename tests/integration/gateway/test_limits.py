"""Limits over real sockets: what passes, what is refused and how, and what is settled later."""

import contextlib
import hashlib
import json
from collections.abc import AsyncGenerator
from pathlib import Path

import anthropic
import openai
import pytest

from support.caches import chat
from support.drafts import TableDraft, as_written
from support.gateway import Running, backend, running_gateway, running_scorer, table
from support.polling import eventually
from support.scorer_server import ScriptedScorer
from support.upstream import (
    END,
    USAGE_EVENT,
    Behaviour,
    Upstream,
    answering,
    completion,
    event,
    running_upstream,
    stalling,
    streaming,
)

ANSWER = completion(prompt=1000, output=500)
WEAK_USD, STRONG_USD = 0.0015, 0.015  # of one answer
MICRO = 1_000_000
SCORES = {"a hard one": 0.9, "a middling one": 0.6, "an easy one": 0.1}
HARD, MIDDLING, EASY = SCORES


def limited_table(upstream: Upstream, **limits: int) -> TableDraft:
    """Weak and strong, the strong one ten times as dear; `limits` are each key's."""
    backends = [
        backend("weak", upstream.url, micro_usd=MICRO),
        backend("strong", upstream.url, micro_usd=10 * MICRO),
    ]
    made = table(*backends)
    made.policies[0].spec["limits"] = {"perKey": as_written(limits)}
    return made


@contextlib.asynccontextmanager
async def serving(
    folder: Path,
    behave: Behaviour,
    *variables: tuple[str, str],
    **limits: int,
) -> AsyncGenerator[Running]:
    """A gateway under these limits, whose models `behave`."""
    scorer = ScriptedScorer(score=lambda text: SCORES.get(text, 0.1))
    async with running_scorer(folder, scorer) as scoring, running_upstream(behave) as upstream:
        made = limited_table(upstream, **limits)
        said = [("WEIR_SCORER", scoring.target), *variables]
        async with running_gateway(folder, made, said) as running:
            yield running


async def statuses(running: Running, body: bytes, times: int) -> list[int]:
    """What as many requests, one after the other, are answered with."""
    told: list[int] = []
    for _ in range(times):
        async with await running.chat(body) as response:
            await response.read()
            told.append(response.status)
    return told


async def reasons(running: Running, prompt: str, times: int) -> list[tuple[str, str]]:
    """Who answers, and why."""
    told: list[tuple[str, str]] = []
    for _ in range(times):
        async with await running.chat(chat(prompt)) as response:
            assert response.status == 200, await response.text()
            await response.read()
            told.append((response.headers["x-weir-model"], response.headers["x-weir-reason"]))
    return told


async def test_requests_a_minute(tmp_path: Path) -> None:
    async with serving(tmp_path, answering(ANSWER), requests_per_minute=3) as running:
        assert await statuses(running, chat(), 2) == [200, 200]
        async with await running.chat(chat()) as response:
            told = response.headers
            assert told["x-ratelimit-limit-requests"] == "3"
            assert told["x-ratelimit-remaining-requests"] == "0"
        async with await running.chat(chat()) as response:
            error = (await response.json())["error"]
            assert response.status == 429
            assert 1 <= int(response.headers["Retry-After"]) <= 61
            assert "x-should-retry" not in response.headers
            assert response.headers["x-ratelimit-remaining-requests"] == "0"
        assert error["code"] == "rate_limit_exceeded"
        assert "perKey.requestsPerMinute" in error["message"]
        metrics = await running.metrics()
    refused = 'weir_limits_refused_total{limit="perKey.requestsPerMinute",policy="shop/chat"} 1.0'
    assert refused in metrics


async def test_the_clients_libraries_know_a_limit_and_a_spent_budget(tmp_path: Path) -> None:
    async with serving(tmp_path, answering(ANSWER), requests_per_minute=1) as running:
        async with openai.AsyncOpenAI(
            base_url=f"{running.url}/v1", api_key="none", max_retries=0
        ) as client:
            ask = client.chat.completions.create
            await ask(model="auto", messages=[{"role": "user", "content": "hi"}])
            with pytest.raises(openai.RateLimitError) as refused:
                await ask(model="auto", messages=[{"role": "user", "content": "hi"}])
            assert refused.value.code == "rate_limit_exceeded"
        async with anthropic.AsyncAnthropic(
            base_url=running.url, api_key="none", max_retries=0
        ) as other:
            with pytest.raises(anthropic.RateLimitError, match="rate_limit_error"):
                await other.messages.create(
                    model="auto", max_tokens=10, messages=[{"role": "user", "content": "hi"}]
                )
    async with serving(tmp_path, answering(ANSWER), micro_usd_per_day=1500) as running:
        assert await statuses(running, chat(), 1) == [200]
        # The library comes again twice where it is not told that this is in vain.
        async with openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key="none") as client:
            with pytest.raises(openai.RateLimitError) as spent:
                await client.chat.completions.create(
                    model="auto", messages=[{"role": "user", "content": "hi"}]
                )
        assert spent.value.code == "budget_exceeded"
        assert spent.value.type == "insufficient_quota"
        assert int(spent.value.response.headers["Retry-After"]) > 0
        assert 'limit="perKey.usdPerDay",policy="shop/chat"} 1.0' in await running.metrics()


async def test_what_answers_really_took_is_what_counts(tmp_path: Path) -> None:
    """An answer of 1500 tokens where some 400 were set aside: the second is one too many."""
    async with serving(tmp_path, answering(ANSWER), tokens_per_minute=3000) as running:
        assert await statuses(running, chat(), 4) == [200, 200, 429, 429]
        async with await running.chat(chat()) as response:
            assert "tokensPerMinute" in await response.text()
    async with serving(
        tmp_path, answering(completion(prompt=5, output=5)), tokens_per_minute=500
    ) as b:
        assert await statuses(b, chat(), 9) == [200] * 9


@pytest.mark.parametrize("aborted", [False, True])
async def test_a_streams_cost_is_settled_and_an_aborted_ones_too(
    tmp_path: Path, *, aborted: bool
) -> None:
    """What is set aside for one is most of the limit: a second passes once the first is settled."""
    pieces = [event("word ")] * 20
    behave = stalling(pieces) if aborted else streaming([*pieces, USAGE_EVENT, END])
    async with serving(tmp_path, behave, micro_usd_per_day=500) as running:
        for _ in range(3):
            await eventually(lambda: _streamed(running, aborted=aborted))
        if aborted:
            return
        metrics = await running.metrics()
        assert "weir_limits_refused_total{" not in metrics


async def _streamed(running: Running, *, aborted: bool) -> bool:
    async with await running.chat(chat(EASY, stream=True)) as response:
        if response.status == 200:
            await (response.content.readany() if aborted else response.read())
        return response.status == 200


async def test_streams_that_their_clients_abort_use_the_limit_up(tmp_path: Path) -> None:
    behave = stalling([event("word ")] * 60)
    async with serving(tmp_path, behave, micro_usd_per_day=500) as running:
        await _streamed(running, aborted=True)
        await eventually(lambda: _is_spent(running))


async def _is_spent(running: Running) -> bool:
    return not await _streamed(running, aborted=True)


async def test_past_the_strong_allowance_the_weak_model_answers(tmp_path: Path) -> None:
    async with serving(
        tmp_path, answering(ANSWER), strong_micro_usd_per_day=int(3 * STRONG_USD * MICRO)
    ) as running:
        told = await reasons(running, HARD, 5)
        assert told[:2] == [("strong", "scored")] * 2
        assert told[-1] == ("weak", "budget")
        assert await reasons(running, EASY, 1) == [("weak", "scored")]
        async with await running.chat(chat(HARD).replace(b'"auto"', b'"strong"')) as response:
            error = (await response.json())["error"]
        assert error["code"] == "budget_exceeded"
        assert "strongUsdPerDay" in error["message"]


async def test_near_the_strong_allowance_the_threshold_rises(tmp_path: Path) -> None:
    allowance = int(10 * STRONG_USD * MICRO)
    async with serving(tmp_path, answering(ANSWER), strong_micro_usd_per_day=allowance) as running:
        told = await reasons(running, MIDDLING, 10)
        assert told[:8] == [("strong", "scored")] * 8
        assert told[9] == ("weak", "budget")  # of nine tenths spent, the threshold is above .6
        assert await reasons(running, HARD, 1) == [("strong", "scored")]


async def test_all_clients_of_a_policy_together(tmp_path: Path) -> None:
    async with running_upstream(answering(ANSWER)) as upstream:
        made = limited_table(upstream, requests_per_minute=100)
        made.policies[0].set("limits.total", {"requestsPerMinute": 2})
        async with running_gateway(tmp_path, made) as running:
            assert await statuses(running, chat(), 3) == [200, 200, 429]
            async with await running.chat(chat()) as response:
                assert "total.requestsPerMinute" in await response.text()


async def test_each_key_has_its_own_and_its_own_limits(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    entries = [
        {"name": name, "sha256": hashlib.sha256(f"wk-{name}".encode()).hexdigest(), **more}
        for name, more in (("a", {}), ("b", {"limits": {"requestsPerMinute": 1}}))
    ]
    keys.write_text(json.dumps({"keys": entries}))
    said = ("WEIR_KEYS", str(keys))
    async with serving(tmp_path, answering(ANSWER), said, requests_per_minute=2) as running:
        text = ""
        told: dict[str, list[int]] = {"a": [], "b": []}
        for name, found in told.items():
            for _ in range(3):
                async with await running.chat(chat(), x_weir_key=f"wk-{name}") as response:
                    found.append(response.status)
                    text = await response.text()
        assert told == {"a": [200, 200, 429], "b": [200, 429, 429]}
        assert "the key's requestsPerMinute" in text


async def test_a_prompt_longer_than_the_limit_is_told_so_at_once(tmp_path: Path) -> None:
    async with serving(tmp_path, answering(ANSWER), tokens_per_minute=100) as running:
        async with await running.chat(chat("word " * 400)) as response:
            assert response.status == 429
            assert response.headers["x-should-retry"] == "false"
            assert "Retry-After" not in response.headers
            assert "the prompt alone" in await response.text()
        assert await statuses(running, chat(max_tokens=4000), 1) == [200]


async def test_a_backend_at_its_limit_is_not_called_and_another_answers(tmp_path: Path) -> None:
    async with (
        running_upstream(answering(ANSWER)) as weak,
        running_upstream(answering(ANSWER)) as strong,
    ):
        made = table(backend("weak", weak.url), backend("strong", strong.url))
        made.backends[0].set("limits.requestsPerMinute", 2)
        async with running_gateway(tmp_path, made) as running:
            told = await reasons(running, EASY, 4)
            assert [model for model, _ in told] == ["weak", "weak", "strong", "strong"]
            assert told[3][1] == "fallback:limit"
            assert len(weak.received) == 2
            made.policies[0].set("failureMode.upstream", [])
            made.version = "v2"
        async with running_gateway(tmp_path, made) as running:
            assert await statuses(running, chat(), 3) == [200, 200, 429]
            async with await running.chat(chat()) as response:
                assert (await response.json())["error"]["code"] == "upstream_rate_limit"
                assert 1 <= int(response.headers["Retry-After"]) <= 61


async def test_a_backends_tokens_are_settled(tmp_path: Path) -> None:
    async with running_upstream(answering(ANSWER)) as upstream:
        made = table(backend("weak", upstream.url))
        made.backends[0].set("limits.tokensPerMinute", 3200)
        async with running_gateway(tmp_path, made) as running:
            assert await statuses(running, chat(), 4) == [200, 200, 429, 429]


async def test_a_days_dollars_outlive_a_restart(tmp_path: Path) -> None:
    said = ("WEIR_SPEND", str(tmp_path / "spend.db"))
    limits = {"micro_usd_per_day": int(2.2 * WEAK_USD * MICRO)}
    async with serving(tmp_path, answering(ANSWER), said, **limits) as running:
        assert await statuses(running, chat(), 2) == [200, 200]
    async with serving(tmp_path, answering(ANSWER), said, **limits) as running:
        await eventually(lambda: _refused(running))


async def _refused(running: Running) -> bool:
    return 429 in await statuses(running, chat(), 1)
