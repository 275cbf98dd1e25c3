"""Days of traffic through the gateway's own routing in no time: arrivals, answers, what was paid.

Time is virtual: the clock jumps from event to event. Requests come as a Poisson process whose rate
follows the hour, with bursts; each is decided, held, ended and accounted for by `Routing`.
"""

import heapq
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from support.fakes import FakeAccounts, FakeIds, FakeScorer, FakeUpstreams
from support.tables import request
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.domain.budget import BudgetState
from weir_gateway.domain.decision import RouteDecision
from weir_gateway.domain.errors import BudgetExceeded
from weir_gateway.domain.money import PICO_PER_USD
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Policy, RouteTable
from weir_gateway.routing.budget.budgets import Budgets
from weir_gateway.routing.budget.ports import BudgetStore
from weir_gateway.routing.pipeline import Ending, Ports, Routing
from weir_policy.ids import BackendId
from weir_wires.content import Usage

MIDNIGHT = 1_800_057_600.0  # 2027-01-16 00:00 UTC, a Saturday
DAY, HOUR = 86_400.0, 3_600.0
EXCHANGE_EVERY = 2.0  # seconds; gateways exchange more often
LOOK_EVERY = 60.0  # seconds between samples of spent and planned
LATENCY = 4.0  # seconds an answer takes


@dataclass(frozen=True)
class Prompt:
    """A prompt with its score, and what each candidate's answer really used."""

    score: float
    used: tuple[Usage, ...]  # weakest first
    chars: int
    quality: tuple[float, ...] = ()  # what was recorded of the answers
    predicted: dict[str, float] = field(default_factory=dict[str, float])  # by profile


@dataclass(frozen=True)
class Burst:
    """So many times the usual traffic."""

    start: float  # seconds since 1970
    seconds: float
    times: float


@dataclass(frozen=True)
class Look:
    """Where the budget stood at one time, in USD."""

    at: float
    spent: float
    planned: float
    limit: float
    line: float

    @property
    def gap(self) -> float:
        """How far spending is off its plan, as a part of the whole budget."""
        return (self.spent - self.planned) / self.limit


@dataclass
class Ran:
    """What came out."""

    looks: list[Look] = field(default_factory=list[Look])
    paid: dict[str, float] = field(default_factory=dict[str, float])  # USD by period
    decisions: list[tuple[float, RouteDecision, Prompt]] = field(
        default_factory=list[tuple[float, RouteDecision, Prompt]]
    )
    refused: int = 0
    worst_in_flight: float = 0.0  # USD: the most that requests under way came to cost together


class Clock:
    """Both clocks: seconds since 1970, moved by the run."""

    def __init__(self, now: float = MIDNIGHT) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def day_shape(at: float) -> float:
    """How much of the busiest hour's traffic there is: quiet nights, a hump by day."""
    hour = at % DAY / HOUR
    return 0.08 + 0.92 * max(math.sin((hour - 6.0) / 16.0 * math.pi), 0.0) ** 1.2


def arrivals(
    start: float, end: float, peak: float, bursts: Sequence[Burst], chance: random.Random
) -> Iterator[float]:
    """Times of requests; `peak` is requests a second in the busiest hour without bursts."""
    times = max((burst.times for burst in bursts), default=1.0)
    at, most = start, peak * times
    while (at := at + chance.expovariate(most)) < end:
        burst = next((b for b in bursts if b.start <= at < b.start + b.seconds), None)
        rate = peak * day_shape(at) * (burst.times if burst else 1.0)
        if chance.random() * most < rate:
            yield at


def bursts_of(
    start: float, end: float, a_day: int, chance: random.Random, times: float = 10.0
) -> list[Burst]:
    """So many bursts a day, each of 3 to 12 minutes, at any hour."""
    days = round((end - start) / DAY)
    return [
        Burst(start + day * DAY + chance.uniform(0, DAY - 900), chance.uniform(180, 720), times)
        for day in range(days)
        for _ in range(a_day)
    ]


class Gateways:
    """Some gateways that share one store, on one virtual clock."""

    def __init__(
        self, policy: Policy, table: RouteTable, treasuries: Sequence[BudgetStore], clock: Clock
    ) -> None:
        self.policy, self.table, self.clock = policy, table, clock
        self.scorer = FakeScorer()
        self.budgets = [
            Budgets(treasury, clock, clock, f"gateway-{n}") for n, treasury in enumerate(treasuries)
        ]
        self.routings = [
            Routing(
                Ports(
                    scorer=self.scorer,
                    upstreams=FakeUpstreams(),
                    recorder=FakeAccounts(),
                    conditions=CelConditions(),
                    clock=clock,
                    ids=FakeIds(),
                ),
                score_timeout=1.0,
                budgets=budgets,
            )
            for budgets in self.budgets
        ]
        self._place: dict[BackendId, int] = {b.id: n for n, b in enumerate(policy.candidates)}

    def state(self) -> BudgetState | None:
        """As the first gateway sees it."""
        return self.budgets[0].states().get(self.policy.id)

    async def run(
        self,
        times: Sequence[float],
        draw: Callable[[], Prompt],
        *,
        share_of_aborts: float = 0.0,
        chance: random.Random,
    ) -> Ran:
        """Let every request come, be answered and end; exchange with the store as gateways do."""
        ran, order = Ran(), count()
        under_way: list[tuple[float, int, int, Request, RouteDecision, Prompt]] = []
        in_flight = 0.0
        next_exchange = next_look = times[0]

        def end(until: float) -> None:
            nonlocal in_flight
            while under_way and under_way[0][0] <= until:
                at, _, gateway, asked, decision, prompt = heapq.heappop(under_way)
                self.clock.now = at
                used = prompt.used[self._place[decision.chosen.id]]
                paid = self._account(gateway, asked, decision, used)
                in_flight -= paid
                span = decision.budget_reservation.span if decision.budget_reservation else ""
                ran.paid[span] = ran.paid.get(span, 0.0) + paid

        for at in times:
            while next_exchange <= at:
                end(next_exchange)
                self.clock.now = next_exchange
                for budgets in self.budgets:
                    await budgets.renew()
                if next_exchange >= next_look:
                    ran.looks.extend(self._look())
                    next_look = next_exchange + LOOK_EVERY
                idle = not under_way and at - next_exchange > 10 * EXCHANGE_EVERY
                next_exchange += 10 * EXCHANGE_EVERY if idle else EXCHANGE_EVERY
            end(at)
            self.clock.now = at
            prompt = draw()
            gateway = chance.randrange(len(self.routings))
            asked = request("p", prompt_tokens=prompt.chars // 3)
            self.scorer.default, self.scorer.quality = prompt.score, prompt.predicted
            try:
                decision = await self.routings[gateway].decide(asked, self.table)
            except BudgetExceeded:
                ran.refused += 1
                continue
            used = prompt.used[self._place[decision.chosen.id]]
            if chance.random() < share_of_aborts:
                used = Usage(used.input, used.output // 3)
                prompt = Prompt(prompt.score, (used,) * len(prompt.used), prompt.chars)
            in_flight += self._price(decision, used)
            ran.worst_in_flight = max(ran.worst_in_flight, in_flight)
            ran.decisions.append((at, decision, prompt))
            ends = at + chance.expovariate(1 / LATENCY)
            heapq.heappush(under_way, (ends, next(order), gateway, asked, decision, prompt))
        end(math.inf)
        for budgets in self.budgets:
            await budgets.renew()
        return ran

    def _look(self) -> Iterator[Look]:
        state = self.state()
        if state is not None:
            yield Look(
                at=self.clock.now,
                spent=state.spent / PICO_PER_USD,
                planned=state.planned / PICO_PER_USD,
                limit=state.limit / PICO_PER_USD,
                line=-1.0 if state.cutoff is None else state.cutoff,
            )

    def _account(self, gateway: int, asked: Request, decision: RouteDecision, used: Usage) -> float:
        ending = Ending(status=200, usage=used, overhead=0.0, duration=1.0)
        return self.routings[gateway].account(asked, decision, ending).paid / PICO_PER_USD

    def _price(self, decision: RouteDecision, used: Usage) -> float:
        price = decision.chosen.price
        return (used.input * price.input + used.output * price.output) / PICO_PER_USD
