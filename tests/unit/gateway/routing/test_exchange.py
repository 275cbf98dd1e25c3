"""Every way in which an exchange ends: what is accounted, once, and what is released, once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from support.fakes import FakeAccounts, FakeClock, FakeIds, FakeReply, FakeScorer, FakeUpstreams
from support.limits import limits, memory
from support.tables import STRONG, WEAK, policy, request, table
from weir_gateway.adapters.cache.memory import MemoryAnswers
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.domain.cache import CacheRules
from weir_gateway.domain.decision import Reason
from weir_gateway.domain.errors import BadRequest, UpstreamError, UpstreamFailure
from weir_gateway.domain.limits import (
    LimitCheck,
    LimitReservation,
    LimitResult,
    PolicyLimits,
)
from weir_gateway.domain.money import PICO_PER_USD
from weir_gateway.domain.outcome import Outcome
from weir_gateway.domain.table import Policy
from weir_gateway.routing.estimate import prompt_estimate
from weir_gateway.routing.exchange import Exchange, Timing
from weir_gateway.routing.pipeline import Ports, Routing
from weir_wires.content import Usage

USAGE = Usage(60, 40)
LIMITED = replace(
    policy(upstream_order=["strong", "weak"]),
    limits=PolicyLimits(per_key=limits(usd_per_day=PICO_PER_USD)),
)
BROKEN = UpstreamError("broken", failure=UpstreamFailure.BROKEN)
DOWN = UpstreamError("down", failure=UpstreamFailure.CONNECT)


class CountingLimits:
    """Limits in memory that record every settlement."""

    def __init__(self) -> None:
        self._limits = memory(lambda: 1_800_014_400.0)
        self.settled: list[int] = []  # nano-USD

    async def take(self, asks: Sequence[LimitCheck], *, closed: bool) -> LimitResult:
        return await self._limits.take(asks, closed=closed)

    def settle(self, reservation: LimitReservation, amount: int) -> None:
        self.settled.append(amount)
        self._limits.settle(reservation, amount)


@dataclass
class BreakingReply(FakeReply):
    """Raises an error after its body."""

    error: BaseException = BROKEN

    async def chunks(self) -> AsyncIterator[bytes]:
        async for chunk in super().chunks():
            yield chunk
        raise self.error


@dataclass
class StallingReply(FakeReply):
    """Sets `stalled` and never ends."""

    stalled: asyncio.Event = field(default_factory=asyncio.Event)

    async def chunks(self) -> AsyncIterator[bytes]:
        yield b"{"
        self.stalled.set()
        await asyncio.Event().wait()


class DefectiveCloseReply(FakeReply):
    """Fails when it is closed."""

    async def close(self, *, abort: bool) -> None:
        await super().close(abort=abort)
        raise RuntimeError("a defect")


@dataclass
class World:
    strong: FakeReply | Exception = field(default_factory=lambda: FakeReply(usage=USAGE))
    weak: FakeReply | Exception = field(default_factory=lambda: FakeReply(usage=USAGE))
    policy: Policy = LIMITED
    accounts: FakeAccounts = field(default_factory=FakeAccounts)
    limits: CountingLimits = field(default_factory=CountingLimits)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.routing = Routing(
            Ports(
                scorer=FakeScorer(default=0.9),
                upstreams=FakeUpstreams({STRONG.id: self.strong, WEAK.id: self.weak}),
                recorder=self.accounts,
                conditions=CelConditions(),
                clock=self.clock,
                ids=FakeIds(),
                limits=self.limits,
                cache=MemoryAnswers(self.clock, max_bytes=100_000, max_answer=10_000),
            ),
            score_timeout=1,
        )
        self.table = table(self.policy)

    async def decided(self) -> Exchange:
        decision = await self.routing.decide(request(), self.table)
        timing = Timing(self.clock, self.clock(), overhead=0.25)
        self.clock.advance(2)
        return Exchange(self.routing, request(), decision, self.table, timing)

    def outcome(self) -> Outcome:
        """The only outcome; what was reserved is settled once, by what was paid."""
        ((_, outcome),) = self.accounts.outcomes
        assert self.limits.settled == [outcome.paid // 1000]
        return outcome

    def released(self) -> bool:
        return self.limits.settled == [0] and not self.accounts.outcomes


async def dispatch_and_read(exchange: Exchange) -> bytes:
    async with exchange:
        await exchange.dispatch()
        return await exchange.read()


async def test_a_whole_reply_is_closed_and_accounted_by_its_usage() -> None:
    reply = FakeReply(body=(b"{", b"}"), usage=USAGE)
    world = World(reply)
    exchange = await world.decided()
    assert await dispatch_and_read(exchange) == b"{}"
    outcome = world.outcome()
    assert outcome == exchange.outcome
    assert (outcome.status, outcome.error, outcome.usage) == (200, "", USAGE)
    assert (outcome.overhead, outcome.duration) == (0.25, 2)
    assert reply.closed == [False]


async def test_a_refusal_is_a_reply_like_any_other() -> None:
    reply = FakeReply(status=400)
    world = World(reply)
    await dispatch_and_read(await world.decided())
    assert (world.outcome().status, world.outcome().error) == (400, "")
    assert reply.closed == [False]


async def test_a_completed_stream_is_closed_without_an_abort() -> None:
    reply = FakeReply(usage=USAGE)
    world = World(reply)
    async with await world.decided() as exchange:
        await exchange.dispatch()
        exchange.complete(200)
    assert world.outcome().usage == USAGE
    assert reply.closed == [False]


async def test_a_client_that_goes_away_while_its_stream_is_written() -> None:
    reply = FakeReply(written=3)
    world = World(reply)
    async with await world.decided() as exchange:
        await exchange.dispatch()
        exchange.complete(499, "client_gone")
    assert (world.outcome().status, world.outcome().error) == (499, "client_gone")
    assert world.outcome().paid == (prompt_estimate(request()) + 3) * STRONG.price.input
    assert reply.closed == [True]


async def test_a_cancelled_request_is_a_client_that_went_away() -> None:
    reply = StallingReply(usage=USAGE)
    world = World(reply)
    task = asyncio.create_task(dispatch_and_read(await world.decided()), name="exchange")
    await reply.stalled.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (world.outcome().status, world.outcome().error) == (499, "client_gone")
    assert reply.closed == [True]


async def test_a_request_cancelled_while_it_is_dispatched_has_sent_its_prompt() -> None:
    world = World()
    task = asyncio.create_task(dispatch_and_read(await world.decided()), name="exchange")
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert world.outcome().error == "client_gone"
    assert world.outcome().paid == prompt_estimate(request()) * STRONG.price.input


async def test_a_request_cancelled_before_anything_is_sent_is_released() -> None:
    world = World()
    with pytest.raises(asyncio.CancelledError):
        async with await world.decided():
            raise asyncio.CancelledError
    assert world.released()


async def test_a_request_that_is_not_sent_is_released() -> None:
    world = World()
    async with await world.decided() as exchange:
        pass
    assert world.released()
    assert exchange.outcome is None


async def test_an_upstream_error_before_the_first_byte() -> None:
    world = World(DOWN, DOWN)
    exchange = await world.decided()
    with pytest.raises(UpstreamError):
        await dispatch_and_read(exchange)
    assert (world.outcome().status, world.outcome().error) == (502, "upstream_error")
    assert world.outcome().usage is None


async def test_a_request_that_the_backends_cant_carry() -> None:
    world = World()
    with pytest.raises(BadRequest):
        async with await world.decided():
            raise BadRequest("no")
    assert (world.outcome().status, world.outcome().error) == (400, "invalid_request")


async def test_an_upstream_error_after_the_first_byte() -> None:
    reply = BreakingReply(usage=USAGE)
    world = World(reply)
    with pytest.raises(UpstreamError):
        await dispatch_and_read(await world.decided())
    assert (world.outcome().status, world.outcome().error) == (502, "upstream_error")
    assert world.outcome().usage == USAGE
    assert reply.closed == [True]


async def test_a_broken_reply_of_a_fallback_is_the_fallbacks() -> None:
    world = World(DOWN, BreakingReply(usage=USAGE))
    exchange = await world.decided()
    with pytest.raises(UpstreamError):
        await dispatch_and_read(exchange)
    ((decision, outcome),) = world.accounts.outcomes
    assert (decision.chosen, decision.reason) == (WEAK, Reason.FALLBACK)
    assert outcome.paid == 100 * WEAK.price.input


async def test_a_defect_before_the_dispatch_is_never_the_clients() -> None:
    world = World()
    with pytest.raises(RuntimeError):
        async with await world.decided():
            raise RuntimeError("a defect")
    assert (world.outcome().status, world.outcome().error) == (500, "internal_error")


async def test_a_defect_while_dispatching_is_never_the_clients() -> None:
    world = World(RuntimeError("a defect"))
    exchange = await world.decided()
    with pytest.raises(RuntimeError):
        await dispatch_and_read(exchange)
    assert (world.outcome().status, world.outcome().error) == (500, "internal_error")


async def test_a_defect_while_reading_is_never_the_clients() -> None:
    reply = BreakingReply(error=RuntimeError("a defect"))
    world = World(reply)
    exchange = await world.decided()
    with pytest.raises(RuntimeError):
        await dispatch_and_read(exchange)
    assert (world.outcome().status, world.outcome().error) == (500, "internal_error")
    assert reply.closed == [True]


async def test_a_defect_on_closing_is_accounted_too() -> None:
    reply = DefectiveCloseReply(usage=USAGE)
    world = World(reply)
    with pytest.raises(RuntimeError):
        await dispatch_and_read(await world.decided())
    assert world.outcome().error == "internal_error"
    assert reply.closed == [False]


async def test_a_block_that_forgets_to_complete_is_a_defect() -> None:
    reply = FakeReply()
    world = World(reply)
    async with await world.decided() as exchange:
        await exchange.dispatch()
    assert world.outcome().error == "internal_error"
    assert reply.closed == [True]


async def test_an_attempt_after_a_failed_one_starts_from_the_decision() -> None:
    broken = BreakingReply(usage=USAGE)
    world = World(DOWN, broken)
    async with await world.decided() as exchange:
        await exchange.dispatch()
        with pytest.raises(UpstreamError):
            await exchange.read()
        assert exchange.decision.chosen is WEAK
        broken.error = DOWN
        await exchange.dispatch()
        assert exchange.decision.label == "fallback:connect"
        exchange.complete(503, "drained")
    assert (world.outcome().status, world.outcome().error) == (503, "drained")
    assert broken.closed == [True, True]


async def test_an_item_of_a_providers_batch_ends_with_the_usage_that_it_reports() -> None:
    world = World()
    async with await world.decided() as exchange:
        exchange.complete(200, usage=USAGE)
    assert world.outcome().paid == 100 * STRONG.price.input


async def test_a_cached_reply_costs_nothing() -> None:
    world = World(policy=replace(LIMITED, cache=CacheRules(exact=60, temperature=2)))
    first = await dispatch_and_read(await world.decided())
    assert await dispatch_and_read(await world.decided()) == first
    (_, paid), (decision, free) = world.accounts.outcomes
    assert (paid.paid, free.paid, decision.reason) == (
        100 * STRONG.price.input,
        0,
        Reason.CACHE,
    )
    assert free.saved > 0
