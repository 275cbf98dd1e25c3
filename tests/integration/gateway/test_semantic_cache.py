"""The cache by meaning, over a real scorer's wire: two gates, one call for score and embedding."""

import json
from pathlib import Path

import grpc
import pytest

from support.caches import cached_table, chat, without_id
from support.gateway import Running, running_gateway, running_scorer
from support.scorer_server import ScriptedScorer
from support.upstream import answering, completion, running_upstream
from weir_cli.ledger.sums import read_sums

QUESTION = "Which drugs should be taken with food?"
SAME = "please, which drugs should be taken with food"
NEGATED = "Which drugs should not be taken with food?"
ANSWER = completion("those", prompt=1000, output=500)


def embed(text: str) -> tuple[float, ...]:
    """All prompts point about the same way, as embeddings of likes do; `far` ones don't."""
    return (0.0, 1.0) if "far" in text else (1.0, len(text) / 10_000)


async def asked(running: Running, body: bytes) -> dict[str, str]:
    async with await running.chat(body) as response:
        assert response.status == 200, await response.text()
        assert without_id(await response.read()) == without_id(ANSWER)
        return {name.lower(): value for name, value in response.headers.items()}


async def test_a_request_that_means_the_same_gets_the_answer_and_costs_nothing(
    tmp_path: Path,
) -> None:
    scorer, ledger = ScriptedScorer(score=lambda _: 0.1, embed=embed), tmp_path / "ledger.db"
    async with (
        running_upstream(answering(ANSWER)) as upstream,
        running_scorer(tmp_path, scorer) as server,
    ):
        made = cached_table(upstream.url, upstream.url, exact_ms=0, semantic_ms=60_000)
        settings = [("WEIR_SCORER", server.target), ("WEIR_LEDGER", str(ledger))]
        async with running_gateway(tmp_path, made, settings) as running:
            assert (await asked(running, chat(QUESTION)))["x-weir-cache"] == "miss"
            told = await asked(running, chat(SAME))
            assert (told["x-weir-cache"], told["x-weir-reason"]) == ("semantic", "cache")
            assert told["x-weir-model"] == "weak"
            assert (await asked(running, chat(QUESTION)))["x-weir-cache"] == "semantic"
            for other in (NEGATED, "Which drugs should be taken with 2 foods?"):
                assert (await asked(running, chat(other)))["x-weir-cache"] == "miss"
            metrics = await running.metrics()
        assert len(upstream.received) == 3
    assert all(call.want_embedding for call in scorer.calls)
    assert 'cache="semantic",policy="shop/chat",result="hit"} 2.0' in metrics
    assert 'cache="semantic",policy="shop/chat",result="miss"} 3.0' in metrics
    assert 'cache="exact",policy="shop/chat"' not in metrics
    (total,) = read_sums(ledger, "policy", 0)[0]
    at_weak, at_strong = 1500e-6, 15_000e-6
    assert total.paid_usd == pytest.approx(3 * at_weak)
    assert total.saved_usd == pytest.approx(3 * (at_strong - at_weak) + 2 * at_strong)


async def test_the_same_words_about_something_else_are_no_hit(tmp_path: Path) -> None:
    """The second gate alone doesn't let a prompt through whose embedding is another."""
    embeddings = iter([(1.0, 0.0), (0.0, 1.0)])
    scorer = ScriptedScorer(score=lambda _: 0.1, embed=lambda _: next(embeddings))
    async with (
        running_upstream(answering(ANSWER)) as upstream,
        running_scorer(tmp_path, scorer) as server,
    ):
        made = cached_table(upstream.url, upstream.url, exact_ms=0, semantic_ms=60_000)
        settings = [("WEIR_SCORER", server.target), ("WEIR_SCORE_CACHE", "0")]
        async with running_gateway(tmp_path, made, settings) as running:
            await asked(running, chat(QUESTION))
            assert (await asked(running, chat(SAME)))["x-weir-cache"] == "miss"


async def test_the_very_same_is_found_first_and_the_rest_must_be_the_very_same(
    tmp_path: Path,
) -> None:
    scorer = ScriptedScorer(score=lambda _: 0.1, embed=embed)
    async with (
        running_upstream(answering(ANSWER)) as upstream,
        running_scorer(tmp_path, scorer) as server,
    ):
        made = cached_table(upstream.url, upstream.url, semantic_ms=60_000)
        async with running_gateway(tmp_path, made, [("WEIR_SCORER", server.target)]) as running:
            await asked(running, chat(QUESTION))
            assert (await asked(running, chat(QUESTION)))["x-weir-cache"] == "hit"
            assert (await asked(running, chat(SAME)))["x-weir-cache"] == "semantic"
            assert (await asked(running, chat(SAME, seed=1)))["x-weir-cache"] == "miss"
            turns = json.loads(chat(SAME))["messages"]
            told = [{"role": "system", "content": "in French"}, *turns]
            assert (await asked(running, chat(messages=told)))["x-weir-cache"] == "miss"


async def test_one_candidate_is_scored_for_the_embedding_and_a_lost_scorer_is_no_error(
    tmp_path: Path,
) -> None:
    scorer = ScriptedScorer(score=lambda _: 0.1, embed=embed)
    async with (
        running_upstream(answering(ANSWER)) as upstream,
        running_scorer(tmp_path, scorer) as server,
    ):
        made = cached_table(upstream.url, exact_ms=0, semantic_ms=60_000)
        async with running_gateway(tmp_path, made, [("WEIR_SCORER", server.target)]) as running:
            await asked(running, chat(QUESTION))
            assert (await asked(running, chat(SAME)))["x-weir-cache"] == "semantic"
            scorer.failing = (grpc.StatusCode.RESOURCE_EXHAUSTED, "full")
            told = await asked(running, chat("something new"))
            assert (told["x-weir-cache"], told["x-weir-reason"]) == ("miss", "filtered")


async def test_a_router_that_computes_no_embedding_keeps_nothing_by_meaning(tmp_path: Path) -> None:
    scorer = ScriptedScorer(score=lambda _: 0.1)
    async with (
        running_upstream(answering(ANSWER)) as upstream,
        running_scorer(tmp_path, scorer) as server,
    ):
        made = cached_table(upstream.url, upstream.url, exact_ms=0, semantic_ms=60_000)
        async with running_gateway(tmp_path, made, [("WEIR_SCORER", server.target)]) as running:
            for _ in range(2):
                assert (await asked(running, chat(QUESTION)))["x-weir-cache"] == "miss"
