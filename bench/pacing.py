"""A budget's spending beside its plan, on recorded prompts: `make bench-pacing`.

Five days of traffic in virtual time through the gateway's own routing: quiet nights, three bursts
a day of ten times the traffic, the last day half as busy again. Prompts, costs and quality are
recorded ones, scores the bundle's. Writes docs/budget.svg and prints docs/budget.md's table.
"""

import asyncio
import math
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.recorded_traffic import candidates, drawing, recorded
from support.tables import policy, table
from support.traffic_simulation import (
    DAY,
    HOUR,
    MIDNIGHT,
    Burst,
    Clock,
    Gateways,
    Look,
    Prompt,
    Ran,
    arrivals,
    bursts_of,
)
from weir_gateway.adapters.budget.memory import MemoryBudgetStore
from weir_gateway.domain.budget import Budget
from weir_gateway.domain.money import PICO_PER_USD, cost, usd
from weir_gateway.domain.table import Objective, Threshold
from weir_policy.ids import PicoUsd
from weir_policy.spec.objective import Period, SpendingPlan

DAYS = 5
PEAK = 0.25  # requests a second in the busiest hour
SHARE = 0.25  # what an ordinary day's budget would pay for, by lot
BUSY = 1.5  # times the ordinary traffic on the last day
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 760, 300, 52, 14, 34


@dataclass(frozen=True)
class Day:
    """One day's figures."""

    requests: int
    spent: float  # parts of the budget, at its end
    widest: float  # parts of the budget: the widest gap between spending and plan
    strong: float  # share
    kept: float  # quality over that of all strong


def times_of(chance: random.Random) -> tuple[list[float], list[Burst]]:
    """When requests come."""
    end = MIDNIGHT + DAYS * DAY
    bursts = bursts_of(MIDNIGHT, end, 3, chance)
    plain = list(arrivals(MIDNIGHT, end - DAY, PEAK, bursts, chance))
    return [*plain, *arrivals(end - DAY, end, BUSY * PEAK, bursts, chance)], bursts


async def run(objective: Objective, prompts: Sequence[Prompt], times: Sequence[float]) -> Ran:
    """Five days under one objective; the same prompts in the same order for each."""
    chance = random.Random(5)  # noqa: S311 - the same traffic every time
    made = policy(candidates=candidates(), objective=objective)
    gateways = Gateways(made, table(made), [MemoryBudgetStore()], Clock())
    return await gateways.run(times, drawing(prompts, chance), chance=chance)


def figures(ran: Ran, day: int, limit: float) -> Day:
    """Of one day."""
    start = MIDNIGHT + day * DAY
    made = [one for one in ran.decisions if start <= one[0] < start + DAY]
    looks = [look for look in ran.looks if start <= look.at < start + DAY]
    paid = sum(cost(d.chosen.price, p.used[d.strong]) for _, d, p in made) / PICO_PER_USD
    got = sum(p.quality[d.strong] for _, d, p in made)
    return Day(
        requests=len(made),
        spent=paid / limit,
        widest=max((abs(look.gap) for look in looks), default=float("nan")),
        strong=sum(d.strong for _, d, _ in made) / len(made),
        kept=got / sum(p.quality[1] for _, _, p in made),
    )


def a_day(prompts: Sequence[Prompt], requests: int) -> PicoUsd:
    """What so many requests cost, this share of them strong by lot."""
    prices = [backend.price for backend in candidates()]
    mean = [sum(cost(prices[n], p.used[n]) for p in prompts) / len(prompts) for n in (0, 1)]
    return PicoUsd(round(requests * ((1 - SHARE) * mean[0] + SHARE * mean[1])))


def threshold(prompts: Sequence[Prompt]) -> Threshold:
    """The one that sends the same share of these prompts: what strongShare would find."""
    scores = sorted((p.score for p in prompts), reverse=True)
    return Threshold(scores[round(SHARE * len(scores))])


def picture(looks: Sequence[Look], times: Sequence[float]) -> str:
    """Spent and planned of each day as lines, the traffic as a grey ground."""
    right = WIDTH - 12

    def x(at: float) -> float:
        return LEFT + (at - MIDNIGHT) / (DAYS * DAY) * (right - LEFT)

    def y(part: float) -> float:
        return HEIGHT - BOTTOM - part / 1.1 * (HEIGHT - BOTTOM - TOP)

    parts = [
        f'<line x1="{LEFT}" x2="{right}" y1="{y(p):.1f}" y2="{y(p):.1f}" stroke="#ddd"/>'
        f'<text x="{LEFT - 6}" y="{y(p) + 4:.1f}" text-anchor="end">{p:.0%}</text>'
        for p in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    parts.append(_ground(times, x, y))
    for name, colour, dash in (
        ("planned", "#d55e00", ' stroke-dasharray="5 4"'),
        ("spent", "#0072b2", ""),
    ):
        for day in range(DAYS):
            start = MIDNIGHT + day * DAY
            mine = [look for look in looks if start <= look.at < start + DAY][::6]
            points = " ".join(f"{x(k.at):.1f},{y(getattr(k, name) / k.limit):.1f}" for k in mine)
            look = f'fill="none" stroke="{colour}" stroke-width="2"{dash}'
            parts.append(f'<polyline points="{points}" {look}/>')
    parts += [
        f'<text x="{x(MIDNIGHT + (day + 0.5) * DAY):.1f}" y="{HEIGHT - 16}" text-anchor="middle">'
        f"day {day + 1}</text>"
        for day in range(DAYS)
    ]
    parts.append(
        f'<text x="{LEFT}" y="{HEIGHT - 2}">share of the day\'s budget: spent (line), planned '
        "(dashed); grey: requests</text>"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="11">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


Place = Callable[[float], float]


def _ground(times: Sequence[float], x: Place, y: Place) -> str:
    slot = HOUR / 4
    counts = [0] * round(DAYS * DAY / slot)
    for at in times:
        counts[int((at - MIDNIGHT) / slot)] += 1
    most = max(counts)
    points = " ".join(
        f"{x(MIDNIGHT + n * slot):.1f},{y(1.1 * c / most):.1f}" for n, c in enumerate(counts)
    )
    return (
        f'<polygon points="{x(MIDNIGHT):.1f},{y(0):.1f} {points} '
        f'{x(MIDNIGHT + DAYS * DAY):.1f},{y(0):.1f}" fill="#eee"/>'
    )


def tell(rows: Sequence[tuple[str, Ran]], limit: float) -> None:
    """The table, as docs/budget.md has it."""
    print("| objective | day | requests | spent | widest gap | strong | quality kept |")
    print("|---|---|---|---|---|---|---|")
    for name, ran in rows:
        for day in range(DAYS):
            f = figures(ran, day, limit)
            gap = "" if math.isnan(f.widest) else f"{f.widest:.1%}"
            print(
                f"| {name} | {day + 1} | {f.requests:,} | {f.spent:.1%} | {gap} | {f.strong:.1%} "
                f"| {f.kept:.1%} |"
            )


def main(data: Path, bundle: Path, out: Path) -> None:
    """Measure, draw, print."""
    prompts = recorded(data, bundle)
    times, bursts = times_of(random.Random(4))  # noqa: S311 - the same traffic every time
    ordinary = sum(1 for at in times if at < MIDNIGHT + (DAYS - 1) * DAY) // (DAYS - 1)
    amount = a_day(prompts, ordinary)
    print(f"{len(prompts)} prompts, budget ${usd(amount):.2f} a day, {len(bursts)} bursts")
    rows: list[tuple[str, Ran]] = []
    for name, objective in (
        ("budget, plan traffic", Budget(amount, Period.DAY)),
        ("budget, plan even", Budget(amount, Period.DAY, plan=SpendingPlan.EVEN)),
        ("a fixed threshold", threshold(prompts)),
    ):
        print(f"{name} ...", file=sys.stderr)
        rows.append((name, asyncio.run(run(objective, prompts, times))))
    out.write_text(picture(rows[0][1].looks, times), encoding="utf-8")
    tell(rows, usd(amount))


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:4]))
