"""Answers in memory: bounded in bytes, forgotten in time."""

import asyncio
from array import array
from math import nan

from hypothesis import given
from hypothesis import strategies as st

from support.fakes import FakeClock
from weir_gateway.adapters.cache.memory import MemoryAnswers
from weir_gateway.adapters.cache.shared import decode, encode
from weir_gateway.domain.cache import CachedResponse, similarity
from weir_policy.ids import BackendId
from weir_wires.content import Usage


def answer(size: int = 10, name: str = "shop/weak") -> CachedResponse:
    return CachedResponse(
        BackendId(name), (("content-type", "application/json"),), b"x" * size, Usage(1, 2)
    )


def memory(
    clock: FakeClock | None = None, most: int = 10_000, largest: int = 4_000
) -> MemoryAnswers:
    return MemoryAnswers(clock or FakeClock(), max_bytes=most, max_answer=largest)


async def test_an_answer_is_found_until_its_time_is_over() -> None:
    clock = FakeClock()
    kept = memory(clock)
    kept.put(b"k", answer(), 10)
    clock.advance(9.9)
    assert await kept.get(b"k") == answer()
    clock.advance(0.1)
    assert await kept.get(b"k") is None
    assert (len(kept), kept.bytes) == (0, 0)


async def test_the_least_recently_used_makes_room() -> None:
    kept = memory(most=4_000)
    for key in (b"a", b"b"):
        kept.put(key, answer(1_000), 10)
    assert await kept.get(b"a") is not None
    kept.put(b"c", answer(1_000), 10)
    assert [await kept.get(key) is not None for key in (b"a", b"b", b"c")] == [True, False, True]


async def test_a_newer_answer_takes_the_older_one_s_place() -> None:
    kept = memory()
    kept.put(b"k", answer(100), 10)
    before = kept.bytes
    kept.put(b"k", answer(200), 10)
    assert (len(kept), kept.bytes) == (1, before + 100)


async def test_what_is_too_large_or_lasts_no_time_is_not_kept() -> None:
    kept = memory(largest=1_000)
    kept.put(b"large", answer(1_000), 10)
    kept.put(b"over", answer(), 0)
    assert (len(kept), kept.bytes) == (0, 0)


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 3_000), st.floats(0, 20), st.floats(0, 3)),
        max_size=40,
    )
)
def test_memory_is_what_is_kept_and_never_more_than_its_bound(
    steps: list[tuple[int, int, float, float]],
) -> None:
    async def run() -> None:
        clock = FakeClock()
        kept = memory(clock, most=6_000)
        for number, size, seconds, later in steps:
            kept.put(bytes([number]), answer(size), seconds)
            clock.advance(later)
            await kept.get(bytes([number + 1]))
            assert 0 <= kept.bytes <= 6_000
            assert (kept.bytes == 0) == (len(kept) == 0)

    asyncio.run(run())


@given(
    st.binary(max_size=50),
    st.binary(max_size=20),
    st.lists(st.integers(0, 2**40), min_size=4, max_size=4),
)
def test_a_shared_value_is_the_answer_again(
    body: bytes, embedding: bytes, tokens: list[int]
) -> None:
    usage = Usage(*tokens, reasoning=tokens[0], server_tools=(("search", 2),), tier="flex")
    told = CachedResponse(BackendId("a/b"), (("x", "y"),), body, usage, embedding)
    assert decode(encode(told), 1_000) == told
    assert decode(encode(told), 10) is None


@given(st.binary(max_size=60))
def test_anything_else_is_none_and_no_error(value: bytes) -> None:
    assert decode(value, 1_000) is None or encode(decode(value, 1_000) or answer()) != b""


def test_embeddings_are_compared_by_their_angle() -> None:
    one, other = b"\x00\x00\x80\x3f\x00\x00\x00\x00", b"\x00\x00\x00\x00\x00\x00\x80\x3f"
    assert (similarity(one, one), similarity(one, other)) == (1.0, 0.0)
    broken = array("f", [nan, 1.0]).tobytes()
    assert similarity(broken, broken) == similarity(one, broken) == 0.0
    assert similarity(one, b"") == similarity(b"", b"") == similarity(one, one[:4]) == 0.0
