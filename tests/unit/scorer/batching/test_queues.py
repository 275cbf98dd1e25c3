"""Which texts make the next batch."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_scorer.batching.calls import BatchKey, Call, Item
from weir_scorer.batching.limits import BatchLimits
from weir_scorer.batching.queues import BatchQueue
from weir_scorer.engine.ports import Prepared

LIMITS = BatchLimits(texts=4, tokens=200, padding=0.25, in_flight=1)
LINEAR, KNN = BatchKey("linear"), BatchKey("knn")


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that never runs: calls want one for their futures."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def call_of(loop: asyncio.AbstractEventLoop, batch_key: BatchKey, lengths: list[int]) -> Call:
    return Call([""] * len(lengths), batch_key, 1e9, loop.create_future(), None)


def items_of(call: Call, lengths: list[int]) -> list[Item]:
    return [Item(call, i, Prepared(tokens, (1,), {})) for i, tokens in enumerate(lengths)]


def put(
    waiting: BatchQueue,
    loop: asyncio.AbstractEventLoop,
    lengths: list[int],
    batch_key: BatchKey = LINEAR,
) -> Call:
    call = call_of(loop, batch_key, lengths)
    waiting.put(items_of(call, lengths))
    return call


def tokens(batch: list[Item]) -> list[int]:
    return [item.prepared.tokens for item in batch]


def test_the_oldest_comes_first_with_those_of_its_length(loop: asyncio.AbstractEventLoop) -> None:
    waiting = BatchQueue()
    put(waiting, loop, [30, 200, 31, 10, 29])
    assert tokens(waiting.take(LIMITS)) == [30, 31, 29]
    assert tokens(waiting.take(LIMITS)) == [200]
    assert tokens(waiting.take(LIMITS)) == [10]
    assert waiting.take(LIMITS) == []


def test_a_neighbouring_length_fills_up_unless_it_wastes_too_much(
    loop: asyncio.AbstractEventLoop,
) -> None:
    waiting = BatchQueue()
    put(waiting, loop, [32, 30, 24, 9])
    assert tokens(waiting.take(LIMITS)) == [32, 30, 24]
    assert tokens(waiting.take(LIMITS)) == [9]


def test_a_text_longer_than_a_batch_goes_alone(loop: asyncio.AbstractEventLoop) -> None:
    waiting = BatchQueue()
    put(waiting, loop, [500, 490])
    assert tokens(waiting.take(LIMITS)) == [500]
    assert tokens(waiting.take(LIMITS)) == [490]


def test_lanes_do_not_mix(loop: asyncio.AbstractEventLoop) -> None:
    waiting = BatchQueue()
    put(waiting, loop, [8])
    put(waiting, loop, [8], KNN)
    put(waiting, loop, [8])
    assert [item.call.batch_key for item in waiting.take(LIMITS)] == [LINEAR, LINEAR]
    assert [item.call.batch_key for item in waiting.take(LIMITS)] == [KNN]


def test_a_discarded_call_is_gone(loop: asyncio.AbstractEventLoop) -> None:
    waiting = BatchQueue()
    gone, stays = put(waiting, loop, [8, 64]), put(waiting, loop, [8])
    waiting.discard(gone)
    waiting.discard(gone)
    assert len(waiting) == 1
    assert [item.call for item in waiting.take(LIMITS)] == [stays]


limits = st.builds(
    BatchLimits,
    texts=st.integers(1, 9),
    tokens=st.integers(1, 1500),
    padding=st.floats(0, 0.9),
    in_flight=st.just(1),
)
calls = st.lists(
    st.tuples(st.sampled_from([LINEAR, KNN]), st.lists(st.integers(1, 600), max_size=12)),
    max_size=8,
)


@given(limits, calls)
def test_every_text_leaves_once_within_the_limits_and_none_starves(
    loop: asyncio.AbstractEventLoop,
    limits: BatchLimits,
    calls: list[tuple[BatchKey, list[int]]],
) -> None:
    waiting = BatchQueue()
    for batch_key, lengths in calls:
        put(waiting, loop, lengths, batch_key)
    left = {*range(sum(len(lengths) for _, lengths in calls))}
    assert len(waiting) == len(left)
    while batch := waiting.take(limits):
        ages = [item.sequence for item in batch]
        assert min(left) == ages[0]  # the oldest of all is in the very next batch
        assert left.issuperset(ages)
        assert len({*ages}) == len(ages) <= limits.texts
        assert len(ages) == 1 or max(tokens(batch)) * len(batch) <= limits.tokens
        assert len({item.call.batch_key for item in batch}) == 1
        left -= {*ages}
        assert len(waiting) == len(left)
    assert not left


@pytest.mark.parametrize("wrong", [{"texts": 0}, {"tokens": 0}, {"in_flight": 0}, {"padding": 1.0}])
def test_limits_that_allow_nothing_are_refused(wrong: dict[str, float]) -> None:
    fine = {"texts": 1, "tokens": 1, "padding": 0.0, "in_flight": 1}
    with pytest.raises(ValueError, match="positive"):
        BatchLimits(**(fine | wrong))  # type: ignore[arg-type] # whole numbers but for padding
