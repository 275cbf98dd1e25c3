"""A policy with a budget over HTTP: what it spends, what it refuses, what outlives a restart."""

import asyncio
import time
from pathlib import Path

from support.drafts import TableDraft
from support.gateway import Running, backend, running_gateway, table
from support.polling import eventually
from support.redis_server import redis_server
from support.upstream import answering, completion, running_upstream

BODY = b'{"model":"auto","messages":[{"role":"user","content":"hi"}]}'
ANSWER = completion(prompt=1000, output=1000)
DEAR = 1_000_000_000  # micro-USD per million tokens: an answer costs 2 USD


def budgeted(url: str, usd: float, when: str) -> TableDraft:
    """Without a scorer the strong one answers, as failureMode says."""
    made = table(backend("weak", url, micro_usd=1000), backend("strong", url, micro_usd=DEAR))
    policy = made.policies[0]
    policy.set("failureMode.scorer", "strong")
    budget = {"usd": f"{usd:.6f}", "per": "month", "whenSpent": when}
    policy.spec["objective"] = {"budget": budget}
    return made


async def asked(running: Running) -> tuple[int, str, str, str]:
    """Status, model, reason, and when to come back."""
    async with await running.chat(BODY) as response:
        await response.read()
        told = response.headers
        names = ("x-weir-model", "x-weir-reason", "retry-after")
        model, reason, wait = (told.get(name, "") for name in names)
        return response.status, model, reason, wait


async def metric(running: Running, name: str) -> float:
    async with running.session.get(f"http://{running.gateway.bound_admin}/metrics") as response:
        lines = (await response.text()).splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f"{name}{{"))


async def test_past_the_budget_the_weak_model_answers(tmp_path: Path) -> None:
    async with running_upstream(answering(ANSWER)) as upstream:
        made = budgeted(upstream.url, 7.0, "weakest")
        async with running_gateway(tmp_path, made, []) as running:
            answers = [await asked(running) for _ in range(12)]
            assert {status for status, *_ in answers} == {200}
            strong = [model for _, model, *_ in answers if model == "strong"]
            assert 1 <= len(strong) <= 4  # the last one costs more than its estimate
            assert answers[-1][1:3] == ("weak", "budget")

            async def told() -> bool:
                return await metric(running, "weir_budget_spent") >= 2.0

            await eventually(told)
            assert await metric(running, "weir_budget_limit") == 7.0
            assert 0 <= await metric(running, "weir_budget_planned") <= 7.0


async def test_past_the_budget_a_policy_may_refuse_until_the_period_ends(tmp_path: Path) -> None:
    async with running_upstream(answering(ANSWER)) as upstream:
        made = budgeted(upstream.url, 0.00001, "reject")
        async with running_gateway(tmp_path, made, []) as running:
            answers = [await asked(running) for _ in range(12)]
            status, _, _, wait = answers[-1]
            assert status == 429
            assert 0 < int(wait) <= 31 * 86_400
            async with await running.chat(BODY) as response:
                error = (await response.json())["error"]
                told = response.headers
            assert error["code"] == "budget_exceeded"
            waits = int(told["Retry-After"])
            assert told.get("x-should-retry") == ("false" if waits > 90 else None)
            assert "shop/chat" in error["message"]


async def test_a_restart_goes_on_from_what_was_spent(tmp_path: Path) -> None:
    settings = [("WEIR_SPEND", str(tmp_path / "spend.db"))]
    async with running_upstream(answering(ANSWER)) as upstream:
        made = budgeted(upstream.url, 6.2, "weakest")
        async with running_gateway(tmp_path, made, settings) as running:
            while (await asked(running))[1] == "strong":
                pass
        before = len(upstream.received)
        async with running_gateway(tmp_path, made, settings) as again:
            assert (await asked(again))[1:3] == ("weak", "budget")
        assert len(upstream.received) == before + 1


async def test_gateways_on_one_redis_stop_together(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    async with redis_server() as server, running_upstream(answering(ANSWER)) as upstream:
        settings = [("WEIR_REDIS", server.url), ("WEIR_REDIS_WITHIN", "5s")]
        made = budgeted(upstream.url, 21.0, "weakest")
        async with (
            running_gateway(tmp_path / "a", made, settings) as one,
            running_gateway(tmp_path / "b", made, settings) as other,
        ):
            started, strong = time.monotonic(), 0
            while time.monotonic() < started + 30:
                answers = await asyncio.gather(asked(one), asked(other))
                strong += sum(model == "strong" for _, model, *_ in answers)
                if {model for _, model, *_ in answers} == {"weak"}:
                    break
            assert strong * 2.0 <= 21.0 + 2 * 2.0  # but for what was on its way, twice
            await server.kill()
            assert {(await asked(gateway))[0] for gateway in (one, other)} == {200}
