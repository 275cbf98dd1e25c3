"""Money as whole numbers, so that sums of millions of requests agree to the cent.

A price is micro-USD per million tokens; times tokens that is pico-USD (1e-12 USD).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from weir_policy.ids import PicoUsd
from weir_wires.content import Usage

PICO_PER_USD = 10**12
NOTHING = PicoUsd(0)
MILLION: Final = 10**6  # the denominator of factors


@dataclass(frozen=True, slots=True)
class Price:
    """What a backend charges: tokens in micro-USD per million, the rest in pico-USD."""

    input: int
    output: int
    cached_input: int
    cache_write: int
    cache_write_1h: int | None = field(default=None, kw_only=True)  # None: as cache_write
    reasoning: int | None = field(default=None, kw_only=True)  # None: as output
    audio_input: int | None = field(default=None, kw_only=True)  # None: as input
    audio_output: int | None = field(default=None, kw_only=True)  # None: as output
    image_input: int | None = field(default=None, kw_only=True)  # None: as input
    image_output: int | None = field(default=None, kw_only=True)  # None: as output
    per_request: int = field(default=0, kw_only=True)
    tools: tuple[tuple[str, int], ...] = field(default=(), kw_only=True)  # a call, by its name
    # Prices of prompts above so many tokens, the longest first.
    tiers: tuple[tuple[int, "Price"], ...] = field(default=(), kw_only=True)
    service_tiers: tuple[tuple[str, "Price"], ...] = field(default=(), kw_only=True)
    batch: "Price | None" = field(default=None, kw_only=True)  # None: see `discounted`


RATES: Final = tuple(f.name for f in fields(Price))[:10]  # the prices of tokens


def scaled(price: Price, millionths: int) -> Price:
    """`price` with every price of tokens times a factor, to the micro-USD."""
    rates: dict[str, Any] = {
        name: (rate * millionths + MILLION // 2) // MILLION
        for name in RATES
        if (rate := getattr(price, name)) is not None
    }
    tiers = tuple((above, scaled(tier, millionths)) for above, tier in price.tiers)
    return replace(price, **rates, tiers=tiers)


def discounted(price: Price, share: float) -> Price:
    """The price of a provider's batches: its own, or all less the share (0,1).

    Batches know no other tier of service.
    """
    batch = price.batch or scaled(price, round((1.0 - share) * MILLION))
    return replace(batch, service_tiers=(), batch=None)


def cost(price: Price, usage: Usage) -> PicoUsd:
    """What `usage` costs at `price`: each token at the price of its kind, once."""
    if price.service_tiers or price.tiers:
        price = _applicable(price, usage)
    plain = max(usage.input - usage.cached_input - usage.cache_write, 0)
    paid = (
        plain * price.input
        + usage.cached_input * price.cached_input
        + usage.cache_write * price.cache_write
        + usage.output * price.output
        + price.per_request
    )
    if usage.cache_write_1h and price.cache_write_1h is not None:
        hour = min(usage.cache_write_1h, usage.cache_write)
        paid += hour * (price.cache_write_1h - price.cache_write)
    media = ((usage.audio_input, price.audio_input), (usage.image_input, price.image_input))
    paid += _difference(plain, price.input, media)
    parts = (
        (usage.reasoning, price.reasoning),
        (usage.audio_output, price.audio_output),
        (usage.image_output, price.image_output),
    )
    paid += _difference(usage.output, price.output, parts)
    if usage.server_tools and price.tools:
        fees = dict(price.tools)
        paid += sum(calls * fees.get(name, 0) for name, calls in usage.server_tools)
    return PicoUsd(paid)


def cost_of_tokens(price: Price, input_tokens: int, output_tokens: int) -> PicoUsd:
    """What `cost` says of a prompt of plain text that no cache has, in less time."""
    if price.service_tiers or price.tiers:
        return cost(price, Usage(input=input_tokens, output=output_tokens))
    return PicoUsd(input_tokens * price.input + output_tokens * price.output + price.per_request)


def usd(amount: PicoUsd) -> float:
    """The amount in USD, for people and metrics; sums are kept in pico-USD."""
    return amount / PICO_PER_USD


def _applicable(price: Price, usage: Usage) -> Price:
    """The prices for this tier of service and this length of prompt."""
    for name, tier in price.service_tiers if usage.tier else ():
        if name == usage.tier:
            price = tier
            break
    return next((tier for above, tier in price.tiers if usage.input > above), price)


def _difference(tokens: int, usual: int, parts: Sequence[tuple[int, int | None]]) -> int:
    """What the parts of `tokens` cost more than at the usual price; no token counts twice."""
    more = 0
    for count, rate in parts:
        if count:
            taken = min(count, tokens)
            tokens -= taken
            more += taken * (rate - usual) if rate is not None else 0
    return more
