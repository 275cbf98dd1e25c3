"""What a store remembers, for how long, and what the strong model may still cost."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.fakes import FakeClock
from weir_gateway.adapters.session.codec import (
    decode_agent,
    decode_pins,
    encode_agent,
    encode_pins,
)
from weir_gateway.adapters.session.memory import MemorySessionStore
from weir_gateway.domain.session import NO_STATE, SessionKeys, TaskState
from weir_policy.ids import BackendId, PicoUsd

KEYS = SessionKeys("task", "agent")
STATE = replace(NO_STATE, strong=True, turn=7, backend=BackendId("shop/strong"), tokens=9, seen=1.5)


async def test_agents_of_one_session_are_apart_and_share_what_was_spent() -> None:
    store = MemorySessionStore(FakeClock(), entries=10)
    other = SessionKeys("task", "other")
    store.keep_agent(KEYS, STATE, 60.0)
    assert await store.reserve("task", PicoUsd(5), None, 60.0)
    assert (await store.recall(KEYS, 0.0)).agent == STATE
    assert (await store.recall(other, 0.0)).agent is None
    assert (await store.recall(other, 0.0)).task.spent == 5


async def test_a_session_is_forgotten_after_its_time_and_remembered_while_it_goes_on() -> None:
    clock = FakeClock()
    store = MemorySessionStore(clock, entries=10)
    await store.reserve("task", PicoUsd(5), None, 60.0)
    for _ in range(5):
        clock.advance(50)
        store.keep_agent(KEYS, STATE, 60.0)
    assert (await store.recall(KEYS, 0.0)).task.spent == 5
    clock.advance(60)
    forgotten = await store.recall(KEYS, 0.0)
    assert (forgotten.agent, forgotten.task) == (None, TaskState())


async def test_a_reservation_fits_the_ceiling_or_counts_nothing() -> None:
    store = MemorySessionStore(FakeClock(), entries=10)
    assert await store.reserve("task", PicoUsd(60), PicoUsd(100), 60.0)
    assert not await store.reserve("task", PicoUsd(41), PicoUsd(100), 60.0)
    store.settle("task", -50, 60.0)
    assert await store.reserve("task", PicoUsd(90), PicoUsd(100), 60.0)
    assert store.task("task").spent == 100


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 100)), max_size=40))
async def test_no_order_of_requests_passes_the_ceiling(
    requests: list[tuple[int, int]],
) -> None:
    """Each reserves an estimate and really costs a share (percent) of it, some requests later."""
    store, ceiling = MemorySessionStore(FakeClock(), entries=10), PicoUsd(100)
    waiting: list[tuple[int, int]] = []
    paid = 0
    for amount, percent in requests:
        if await store.reserve("task", PicoUsd(amount), ceiling, 60.0):
            waiting.append((amount, amount * percent // 100))
        if len(waiting) > percent % 3:
            reserved, real = waiting.pop(0)
            paid += real
            store.settle("task", real - reserved, 60.0)
        assert paid <= store.task("task").spent <= ceiling
    assert store.task("task").spent == paid + sum(reserved for reserved, _ in waiting)


async def test_pins_leave_the_spending_as_it_is() -> None:
    store = MemorySessionStore(FakeClock(), entries=10)
    await store.reserve("task", PicoUsd(60), None, 60.0)
    store.keep_pins("task", TaskState(PicoUsd(0), ("hard",), (("x-task", "proof"),)), 60.0)
    assert store.task("task") == TaskState(PicoUsd(60), ("hard",), (("x-task", "proof"),))


async def test_the_least_recently_used_is_forgotten_first() -> None:
    store = MemorySessionStore(FakeClock(), entries=2)
    for number in range(3):
        store.keep_agent(SessionKeys(f"t{number}", f"a{number}"), STATE, 60.0)
    assert (await store.recall(SessionKeys("t0", "a0"), 0.0)).agent is None
    assert (await store.recall(SessionKeys("t2", "a2"), 0.0)).agent == STATE


def test_what_is_written_is_read() -> None:
    assert decode_agent(encode_agent(STATE)) == STATE
    pins = (("hard", "long"), (("x-task", "proof"),))
    assert decode_pins(encode_pins(*pins)) == pins
    lone = encode_pins((), (("x-task", "\ud800"),))  # a client may write it
    assert decode_pins(lone) == ((), (("x-task", "?"),))


@pytest.mark.parametrize("bad", [None, b"", b"\xff", b"\x90", b"x" * 100_000, b"\x9b\x02"])
def test_what_cant_be_read_is_nothing(bad: bytes | None) -> None:
    assert decode_agent(bad) is None
    assert decode_pins(bad) == ((), ())


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail(bad: bytes) -> None:
    decode_agent(bad)
    decode_pins(bad)
