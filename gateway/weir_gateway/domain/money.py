"""Money as whole numbers, so that sums of millions of requests agree to the cent.

A price is micro-USD per million tokens; times tokens that is pico-USD (1e-12 USD).
"""

from dataclasses import dataclass

from weir_policy.ids import PicoUsd
from weir_wires.content import Usage

PICO_PER_USD = 10**12
NOTHING = PicoUsd(0)


@dataclass(frozen=True, slots=True)
class Price:
    """What a backend charges, each in micro-USD per million tokens."""

    input: int
    output: int
    cached_input: int
    cache_write: int


def discounted(price: Price, share: float) -> Price:
    """`price` less the share (0,1) that a provider takes off, to the micro-USD."""
    rest = 1.0 - share
    return Price(
        input=round(price.input * rest),
        output=round(price.output * rest),
        cached_input=round(price.cached_input * rest),
        cache_write=round(price.cache_write * rest),
    )


def cost(price: Price, usage: Usage) -> PicoUsd:
    """What `usage` costs at `price`; cached and cache-written tokens at their own price."""
    plain = max(usage.input - usage.cached_input - usage.cache_write, 0)
    return PicoUsd(
        plain * price.input
        + usage.cached_input * price.cached_input
        + usage.cache_write * price.cache_write
        + usage.output * price.output
    )


def usd(amount: PicoUsd) -> float:
    """The amount in USD, for people and metrics; sums are kept in pico-USD."""
    return amount / PICO_PER_USD
