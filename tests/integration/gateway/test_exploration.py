"""Exploration over a real Redis and real requests: one budget, and propensities on file."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

from click.testing import CliRunner

from support.fakes import FakeClock
from support.gateway import backend, running_gateway, running_scorer, table
from support.redis_server import connected, redis_server
from support.scorer_server import ScriptedScorer
from support.upstream import answering, completion, running_upstream
from weir_cli.eval.command import evaluation
from weir_gateway.adapters.spend.exploration_budget import SharedExplorationBudget
from weir_gateway.adapters.spend.redis import RedisSums
from weir_gateway.adapters.spend.sums import Sums
from weir_gateway.domain.table import Exploration
from weir_policy.ids import PicoUsd, PolicyId
from weir_runtime.metrics import Registry

BODY = b'{"model":"auto","messages":[{"role":"user","content":"hi"}]}'
POLICY = PolicyId("shop/chat")
SOME = Exploration(band=0.1, share=0.5, budget=PicoUsd(100_000_000), period=3_600)
ONE = PicoUsd(1_000_000)


async def test_gateways_share_one_budget() -> None:
    clock = FakeClock(4_000_000_000)  # in the server's future too
    async with redis_server() as server, connected(server.url) as redis:
        sums = [Sums(RedisSums(redis), clock) for _ in range(2)]
        one, two = (SharedExplorationBudget(each, Registry(), clock) for each in sums)
        one.take(POLICY, SOME, SOME.budget)
        assert two.holds(POLICY, SOME, ONE)  # not heard of yet
        for each in (*sums, *sums):
            await each.flush()
        assert not two.holds(POLICY, SOME, ONE)
        clock.advance(3_600)
        assert two.holds(POLICY, SOME, ONE)


async def test_the_ledger_says_how_probable_each_choice_was(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    async with (
        running_scorer(tmp_path, ScriptedScorer(score=lambda _: 0.48)) as scorer,
        running_upstream(answering(completion())) as upstream,
    ):
        made = table(backend("weak", upstream.url), backend("strong", upstream.url))
        exploration = {"band": "0.05", "share": "40%", "budget": {"usd": "1000", "per": "day"}}
        made.policies[0].spec["exploration"] = exploration
        variables = [("WEIR_LEDGER", str(path)), ("WEIR_SCORER", scorer.target)]
        async with running_gateway(tmp_path, made, variables) as running:
            models: list[str] = []
            for _ in range(60):
                async with await running.chat(BODY) as response:
                    assert response.headers["x-weir-reason"] == "scored"
                    models.append(response.headers["x-weir-model"])
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute(
            "SELECT model, propensity, explored, detail, candidates FROM ledger"
        ).fetchall()
    assert {(*row[:2], bool(row[2]), row[3]) for row in rows} == {
        ("weak", 0.6, False, ""),
        ("strong", 0.4, True, "explored"),
    }
    assert {row[4] for row in rows} == {"shop/weak,shop/strong"}
    assert sum(row[2] for row in rows) == models.count("strong")


async def test_what_clients_say_tells_what_another_threshold_is_worth(tmp_path: Path) -> None:
    """From chats over a gateway that explores, by way of feedback, to an estimate."""
    path = tmp_path / "ledger.db"
    async with (
        running_scorer(tmp_path, ScriptedScorer(score=_score)) as scorer,
        running_upstream(answering(completion())) as upstream,
    ):
        made = table(backend("weak", upstream.url), backend("strong", upstream.url))
        exploration = {"band": "0.5", "share": "30%", "budget": {"usd": "1000", "per": "day"}}
        made.policies[0].spec["exploration"] = exploration
        variables = [("WEIR_LEDGER", str(path)), ("WEIR_SCORER", scorer.target)]
        async with running_gateway(tmp_path, made, variables) as running:
            for number in range(300):
                content = f"prompt {number}"
                body = {"model": "auto", "messages": [{"role": "user", "content": content}]}
                async with await running.chat(json.dumps(body).encode()) as response:
                    said = {
                        "decision": response.headers["x-weir-decision"],
                        "thumbs": "up" if response.headers["x-weir-model"] == "strong" else "down",
                    }
                url = f"{running.url}/v1/feedback"
                async with running.session.post(url, json=said) as response:
                    assert response.status == 200
    words = ["--feedback", str(path), "--threshold", "0.25", "--json"]
    out = ["--out", str(tmp_path / "out"), "--repeats", "200"]
    result = await asyncio.to_thread(CliRunner().invoke, evaluation, [*words, *out])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    truth = sum(_score(f"prompt {number}") >= 0.25 for number in range(300)) / 300
    assert told["strong_share"] == truth  # and strong answers alone are liked
    for name in ("ips", "snips", "dr"):
        assert told["estimate"][name]["low"] <= truth <= told["estimate"][name]["high"]
    assert told["estimate"]["served"]["high"] < truth


def _score(text: str) -> float:
    """Even in [0,1], the same for the same prompt."""
    return (int(text.split()[1]) * 37 % 300) / 300
