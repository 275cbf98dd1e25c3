"""Conversations are remembered for as long as they are told to be, and never without bound."""

from support.fakes import FakeClock
from weir_gateway.adapters.cache.memory import MemorySessions
from weir_gateway.routing.steps.sticky import WarmBackend
from weir_policy.ids import BackendId

WARM = WarmBackend(BackendId("shop/strong"), 5000)


def test_a_conversation_is_forgotten_in_time() -> None:
    clock = FakeClock()
    sessions = MemorySessions(clock, entries=10)
    sessions.put("a", WARM, 600)
    clock.now += 599
    assert sessions.get("a") == WARM
    sessions.put("a", WARM, 600)
    clock.now += 599
    assert sessions.get("a") == WARM
    clock.now += 1
    assert sessions.get("a") is None
    assert len(sessions) == 0


def test_the_longest_unused_goes_first() -> None:
    sessions = MemorySessions(FakeClock(), entries=2)
    for name in ("a", "b", "a", "c"):
        sessions.put(name, WARM, 600)
    assert [sessions.get(name) for name in "abc"] == [WARM, None, WARM]


def test_none_at_all() -> None:
    sessions = MemorySessions(FakeClock(), entries=0)
    sessions.put("a", WARM, 600)
    assert sessions.get("a") is None
