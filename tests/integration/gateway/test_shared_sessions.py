"""What gateways remember of a session together, through a real Redis."""

from support.fakes import FakeClock
from support.redis_server import connected, redis_server
from weir_gateway.adapters.session.memory import MemorySessionStore
from weir_gateway.adapters.session.shared import SharedSessionStore
from weir_policy.ids import PicoUsd
from weir_runtime.metrics import Registry


async def test_a_sum_below_zero_refuses_nothing() -> None:
    """Redis forgot what was reserved, and then got what was left of it."""
    async with redis_server() as server, connected(server.url) as redis:
        store = SharedSessionStore(MemorySessionStore(FakeClock(), entries=10), redis, Registry())
        name = "task"
        assert await store.reserve(name, PicoUsd(60), PicoUsd(100), 60.0)
        assert not await store.reserve(name, PicoUsd(41), PicoUsd(100), 60.0)
        assert await store.reserve(name, PicoUsd(-110), PicoUsd(100), 60.0)
        assert await store.reserve(name, PicoUsd(10), PicoUsd(100), 60.0)
        assert await store.reserve(name, PicoUsd(100), PicoUsd(100), 60.0)
        assert not await store.reserve(name, PicoUsd(100), PicoUsd(100), 60.0)
