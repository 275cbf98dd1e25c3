"""Who shares a call with whom, over an `ask` that answers when it is told."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_gateway.adapters.scorer.coalescer import Batch, Coalescer, Key, Limits
from weir_gateway.adapters.scorer.prompts import Prompt
from weir_gateway.domain.decision import Scored
from weir_gateway.domain.errors import NoSuchRouter, ScorerUnavailable
from weir_gateway.domain.ids import BundleVersion
from weir_policy.ids import RouterName

BUNDLE = BundleVersion("b@1")


class Asked:
    """Scores a text by its length, after a few turns of the loop; fails for `bad` routers."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.now = 0
        self.most_at_once = 0

    async def __call__(self, batch: Batch) -> Sequence[Scored]:
        self.batches.append(batch)
        self.now += 1
        self.most_at_once = max(self.most_at_once, self.now)
        for _ in range(3):
            await asyncio.sleep(0)
        self.now -= 1
        router = batch.key.router
        if router == "bad":
            raise NoSuchRouter("there are linear, mf")
        return [Scored(len(text) / 100, {}, BUNDLE, router) for text in batch.texts]


async def ask(coalescer: Coalescer, text: str, router: str = "mf", within: float = 5) -> Scored:
    return await coalescer.score(
        Prompt(text), Key(RouterName(router), want_quality=False), within=within, trace=None
    )


async def test_equal_texts_after_other_turns_do_not_share_a_score() -> None:
    asked = Asked()
    coalescer = Coalescer(asked, Limits())
    key = Key(RouterName("mf"), want_quality=False)
    prompts = [Prompt("why?", ("a",)), Prompt("why?", ("b",)), Prompt("why?"), Prompt("why?")]
    await asyncio.gather(*(coalescer.score(p, key, within=5, trace=None) for p in prompts))
    (batch,) = asked.batches
    assert batch.texts == ["why?"] * 3
    assert batch.earlier == [("a",), ("b",), ()]


ARRIVALS = st.lists(
    st.tuples(
        st.text(alphabet="ab", max_size=3), st.sampled_from(["mf", "knn"]), st.integers(0, 4)
    ),
    max_size=40,
)


LIMITS = st.builds(
    Limits, in_flight=st.integers(1, 3), texts=st.integers(1, 5), chars=st.integers(1, 6)
)


@given(ARRIVALS, LIMITS, st.sets(st.integers(0, 40)))
async def test_everybody_gets_their_own_answer_within_the_bounds(
    arrivals: list[tuple[str, str, int]], limits: Limits, gone: set[int]
) -> None:
    asked = Asked()
    coalescer = Coalescer(asked, limits)

    async def arrive(text: str, router: str, turns: int) -> Scored:
        for _ in range(turns):
            await asyncio.sleep(0)
        return await ask(coalescer, text, router)

    tasks = [asyncio.create_task(arrive(*arrival)) for arrival in arrivals]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for index in gone & set(range(len(tasks))):
        tasks[index].cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    for index, (answer, (text, router, _)) in enumerate(zip(answers, arrivals, strict=True)):
        if index in gone and isinstance(answer, asyncio.CancelledError):
            continue
        assert isinstance(answer, Scored)
        assert (answer.score, answer.router) == (len(text) / 100, router)
    assert asked.most_at_once <= limits.in_flight
    for batch in asked.batches:
        assert 1 <= len(batch.texts) <= limits.texts
        assert len(batch.texts) == 1 or sum(map(len, batch.texts)) <= limits.chars
    await coalescer.stop()
    assert coalescer.waiting == 0


async def test_routers_take_turns() -> None:
    asked = Asked()
    coalescer = Coalescer(asked, Limits(in_flight=1, texts=2))
    many = [ask(coalescer, f"{n}", "mf") for n in range(6)]
    await asyncio.gather(*many, ask(coalescer, "one", "knn"))
    assert [batch.key.router for batch in asked.batches] == ["mf", "knn", "mf", "mf"]


async def test_a_failed_call_fails_its_own_callers_with_an_error_each() -> None:
    coalescer = Coalescer(Asked(), Limits())
    answers = await asyncio.gather(
        ask(coalescer, "a", "bad"),
        ask(coalescer, "b", "bad"),
        ask(coalescer, "c"),
        return_exceptions=True,
    )
    first, second, third = answers
    assert isinstance(first, NoSuchRouter)
    assert isinstance(second, NoSuchRouter)
    assert first is not second
    assert isinstance(third, Scored)


async def test_an_answer_of_the_wrong_length_is_no_answer() -> None:
    async def short(batch: Batch) -> Sequence[Scored]:
        del batch
        return []

    with pytest.raises(ScorerUnavailable, match="broke"):
        await ask(Coalescer(short, Limits()), "a")
