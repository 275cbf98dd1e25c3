"""The router `judge` over real sockets: who is asked, what is remembered, what it costs."""

import asyncio
import json
from collections.abc import Sequence
from math import log
from pathlib import Path

import pytest

from support.accounting import ledger, metric
from support.cascades import JUDGE_USAGE, cascade_table, in_turn, ledger_setting, plain_verdict
from support.drafts import TableDraft
from support.gateway import HEADERS, Running, running_gateway
from support.upstream import Behaviour, answering, completion, never, resetting, running_upstream

WEAK, STRONG = completion("weak", 7, 3), completion("strong", 7, 5)


def judged(weak: str, strong: str, judge: str, *, timeout_ms: int = 2000) -> TableDraft:
    """The same models, and a judge that rates prompts rather than answers."""
    made = cascade_table(weak, strong, judge)
    policy = made.policies[0]
    del policy.spec["cascade"]
    judge_spec = {"backend": "judge", "timeout": f"{timeout_ms}ms"}
    policy.spec["router"] = {"name": "judge", "judge": judge_spec}
    return made


def digits(*odds: tuple[str, float]) -> bytes:
    """A judge's digit, with the probabilities of several."""
    told = [{"token": digit, "logprob": log(p), "bytes": None} for digit, p in odds]
    first = {**told[0], "top_logprobs": told}
    message = {"role": "assistant", "content": odds[0][0]}
    choice = {"index": 0, "message": message, "logprobs": {"content": [first]}}
    return json.dumps({"choices": [choice], "usage": JUDGE_USAGE}).encode()


def asking(text: str, model: str = "auto") -> bytes:
    """A chat with one turn."""
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}]}).encode()


async def told(gateway: Running, body: bytes) -> tuple[str, str, str]:
    """Ask once: model, reason, score."""
    async with await gateway.chat(body) as response:
        await response.read()
        headers = response.headers
        return headers["x-weir-model"], headers["x-weir-reason"], headers.get("x-weir-score", "")


@pytest.mark.parametrize(
    ("said", "model", "score"),
    [
        (digits(("2", 0.9), ("3", 0.1)), "weak", "0.1375"),
        (digits(("8", 0.5), ("9", 0.5)), "strong", "0.9375"),
        (plain_verdict("7"), "strong", "0.7500"),
        (plain_verdict("Rating: 1"), "weak", "0.0000"),
        (plain_verdict("10"), "strong", "1.0000"),
    ],
)
async def test_a_model_rates_the_prompt_once(
    tmp_path: Path, said: bytes, model: str, score: str
) -> None:
    async with (
        running_upstream(answering(WEAK)) as weak,
        running_upstream(answering(STRONG)) as strong,
        running_upstream(answering(said)) as judge,
        running_gateway(
            tmp_path, judged(weak.url, strong.url, judge.url), ledger_setting(tmp_path)
        ) as gateway,
    ):
        for _ in range(2):
            assert await told(gateway, asking("Why?")) == (model, "scored", score)
        assert len(judge.received) == 1
        assert "Why?" in json.loads(judge.received[0].body)["messages"][1]["content"]
        text = await gateway.metrics()
    rows = await asyncio.to_thread(ledger, tmp_path / "ledger.db")
    paid = 10_000_000 if model == "weak" else 120_000_000
    assert sorted((row.model, row.part, row.paid) for row in rows) == sorted(
        [("judge", 1, 202_000_000), (model, 0, paid), (model, 0, paid)]
    )
    assert metric(text, "weir_cost_usd", "model")["judge"] == pytest.approx(202e-6)


@pytest.mark.parametrize(
    "fails",
    [never, resetting, answering(b"{}", 500), answering(b"x"), answering(plain_verdict("very"))],
    ids=["slow", "reset", "500", "garbage", "words"],
)
@pytest.mark.parametrize(("mode", "model"), [("WEAK", "weak"), ("STRONG", "strong")])
async def test_a_judge_that_fails_is_a_scorer_that_fails(
    tmp_path: Path, fails: Behaviour, mode: str, model: str
) -> None:
    async with (
        running_upstream(answering(WEAK)) as weak,
        running_upstream(answering(STRONG)) as strong,
        running_upstream(fails) as judge,
    ):
        made = judged(weak.url, strong.url, judge.url, timeout_ms=300)
        made.policies[0].set("failureMode.scorer", mode.lower())
        async with running_gateway(tmp_path, made) as gateway:
            assert (await told(gateway, asking("Why?")))[:2] == (model, "scorer_unavailable")


async def test_what_a_judge_took_is_counted_where_nobody_answers(tmp_path: Path) -> None:
    async with (
        running_upstream(never) as weak,
        running_upstream(never) as strong,
        running_upstream(answering(plain_verdict("very"))) as judge,
    ):
        made = judged(weak.url, strong.url, judge.url)
        made.policies[0].set("failureMode.scorer", "reject")
        async with (
            running_gateway(tmp_path, made, ledger_setting(tmp_path)) as gateway,
            await gateway.chat(asking("Why?")) as response,
        ):
            assert response.status == 503
    rows = await asyncio.to_thread(ledger, tmp_path / "ledger.db")
    assert sorted((row.model, row.part, row.status, row.paid) for row in rows) == [
        ("judge", 1, 503, 202_000_000),
        ("strong", 0, 503, 0),
    ]


async def test_a_client_that_leaves_ends_the_rating(tmp_path: Path) -> None:
    async with (
        running_upstream(never) as weak,
        running_upstream(never) as strong,
        running_upstream(never) as judge,
        running_gateway(
            tmp_path,
            judged(weak.url, strong.url, judge.url, timeout_ms=60_000),
            ledger_setting(tmp_path),
        ) as gateway,
    ):
        call = asyncio.create_task(gateway.chat(asking("Why?")))
        await asyncio.wait_for(judge.arrived.wait(), 5)
        call.cancel()
        await asyncio.wait({call})
        await asyncio.wait_for(judge.exchanges[0].gone.wait(), 5)
    rows = await asyncio.to_thread(ledger, tmp_path / "ledger.db")
    assert [(row.model, row.paid > 0, bool(row.counted)) for row in rows if row.part] == [
        ("judge", True, False)
    ]
    assert [(row.model, row.paid) for row in rows if not row.part] == [("strong", 0)]


async def test_a_share_is_read_from_what_the_judge_has_said(tmp_path: Path) -> None:
    said = [digits((str(1 + number % 9), 1.0)) for number in range(279)]
    async with (
        running_upstream(answering(WEAK)) as weak,
        running_upstream(answering(STRONG)) as strong,
        running_upstream(in_turn(*said)) as judge,
    ):
        made = judged(weak.url, strong.url, judge.url)
        made.policies[0].spec["objective"] = {"strongShare": "33.3333%"}
        async with running_gateway(tmp_path, made) as gateway:
            got = [await told(gateway, asking(f"Prompt {number}")) for number in range(279)]
    assert {reason for _, reason, _ in got[:99]} == {"warming_up"}
    assert {model for model, _, _ in got[:99]} == {"weak"}
    settled: Sequence[tuple[str, str, str]] = got[99:]
    assert {reason for _, reason, _ in settled} == {"scored"}
    assert [model for model, _, _ in settled].count("strong") == pytest.approx(60, abs=6)


async def test_nobody_is_asked_where_nothing_is_sent(tmp_path: Path) -> None:
    async with (
        running_upstream(answering(WEAK)) as weak,
        running_upstream(answering(STRONG)) as strong,
        running_upstream(answering(plain_verdict("9"))) as judge,
        running_gateway(tmp_path, judged(weak.url, strong.url, judge.url)) as gateway,
    ):
        url = f"{gateway.url}/v1/route"
        async with gateway.session.post(url, data=asking("Why?"), headers=HEADERS) as response:
            decided = await response.json()
        assert decided["reason"] == "scorer_unavailable"
        assert "not asked" in decided["detail"]
        assert not judge.received
        assert (await told(gateway, asking("Why?")))[0] == "strong"
        async with gateway.session.post(url, data=asking("Why?"), headers=HEADERS) as response:
            assert (await response.json())["score"] == 1.0
        assert len(judge.received) == 1
