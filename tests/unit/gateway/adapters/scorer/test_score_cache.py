"""Scores kept by the hash of their text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.fakes import FakeScorer
from weir_gateway.adapters.scorer.score_cache import ScoreCache, cache_requests
from weir_gateway.domain.decision import Scored
from weir_gateway.domain.errors import ScorerUnavailable
from weir_gateway.domain.ids import BundleVersion
from weir_gateway.routing.ports import ScoreQuery
from weir_policy.ids import RouterName
from weir_runtime.metrics import Registry


def cached(
    scorer: FakeScorer, *, entries: int = 10, registry: Registry | None = None
) -> ScoreCache:
    return ScoreCache(scorer, entries=entries, requests=cache_requests(registry or Registry()))


async def ask(
    cache: ScoreCache, text: str, router: str = "mf", *, want_quality: bool = False
) -> Scored:
    query = ScoreQuery(text, RouterName(router), timeout=1, want_quality=want_quality)
    return await cache.score(query)


async def test_the_second_look_asks_nobody_and_says_so() -> None:
    scorer, registry = FakeScorer({"a": 0.3}), Registry()
    cache = cached(scorer, registry=registry)
    first, second = await ask(cache, "a"), await ask(cache, "a")
    assert (first.score, first.cached) == (0.3, False)
    assert (second.score, second.cached) == (0.3, True)
    assert len(scorer.queries) == 1
    counted = registry.counters["weir.cache.requests"]
    assert (
        counted.labels("", "score", "hit").value == counted.labels("", "score", "miss").value == 1
    )


async def test_text_router_and_quality_are_told_apart() -> None:
    scorer = FakeScorer()
    cache = cached(scorer)
    for text, router in (("a", "mf"), ("b", "mf"), ("a", "knn")):
        await ask(cache, text, router)
    await ask(cache, "a", want_quality=True)
    assert len(scorer.queries) == len(cache) == 4


async def test_follow_ups_to_two_questions_are_told_apart() -> None:
    scorer = FakeScorer()
    cache = cached(scorer)
    for earlier in (("What is 2+2?",), ("Prove Riesz.",), (), ("Prove Riesz.",)):
        await cache.score(ScoreQuery("why?", RouterName("mf"), timeout=1, earlier=earlier))
    assert len(scorer.queries) == len(cache) == 3


async def test_a_score_without_its_embedding_is_not_one_with_it() -> None:
    cache = cached(FakeScorer(embeddings={"a": b"1234"}))
    assert (await ask(cache, "a")).embedding == b""
    query = ScoreQuery("a", RouterName("mf"), timeout=1, want_embedding=True)
    wanted = await cache.score(query)
    assert wanted.embedding == b"1234"


async def test_least_recently_used_goes_first() -> None:
    scorer = FakeScorer()
    cache = cached(scorer, entries=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        await ask(cache, text)
    assert [query.text for query in scorer.queries] == ["a", "b", "c", "b"]
    assert len(cache) == 2


async def test_nothing_is_kept_where_nothing_may_be() -> None:
    scorer = FakeScorer()
    cache = cached(scorer, entries=0)
    await ask(cache, "a")
    assert not (await ask(cache, "a")).cached
    assert len(cache) == 0


async def test_another_bundle_empties_it() -> None:
    scorer = FakeScorer()
    cache = cached(scorer)
    await ask(cache, "a")
    scorer.bundle = BundleVersion("other@1")
    assert not (await ask(cache, "a")).cached
    assert (await ask(cache, "a")).cached


async def test_a_failure_is_not_kept() -> None:
    scorer = FakeScorer(error=ScorerUnavailable("away"))
    cache = cached(scorer)
    with pytest.raises(ScorerUnavailable):
        await ask(cache, "a")
    scorer.error = None
    assert not (await ask(cache, "a")).cached


@given(st.lists(st.text(alphabet="abc", max_size=2), max_size=40), st.integers(1, 4))
async def test_it_never_lies_and_never_grows(texts: list[str], entries: int) -> None:
    scorer = FakeScorer({text: len(text) / 10 for text in texts})
    cache = cached(scorer, entries=entries)
    for text in texts:
        assert (await ask(cache, text)).score == len(text) / 10
        assert len(cache) <= entries


async def test_odd_texts_are_kept_too() -> None:
    cache = cached(FakeScorer())
    for text in ("\ud800", "\0", "", "x" * 1_000_000):
        await ask(cache, text)
        assert (await ask(cache, text)).cached
