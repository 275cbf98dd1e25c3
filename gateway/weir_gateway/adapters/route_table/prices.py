"""A backend's declared price as the gateway computes with it: every tier whole, defaults filled."""

from dataclasses import fields, replace
from typing import Final

from weir_gateway.domain.money import Price, scaled
from weir_policy.spec import price as price_spec

_RATES: Final = tuple(field.name for field in fields(price_spec.Rates))


def price_of(declared: price_spec.Price) -> Price:
    """The price with its tiers."""
    tiers = sorted(declared.tiers, key=lambda tier: tier.above, reverse=True)
    price = replace(
        _rates(declared),
        per_request=declared.per_request or 0,
        tools=tuple((fee.name, fee.per_thousand) for fee in declared.tools),
    )
    price = replace(price, tiers=tuple((t.above, _over(declared, t, price)) for t in tiers))
    batch = declared.batch
    return replace(
        price,
        batch=_over(declared, batch, price) if batch is not None else None,
        service_tiers=tuple(
            (tier.name, _service_tier(declared, tier, price)) for tier in declared.service_tiers
        ),
    )


def _service_tier(declared: price_spec.Price, tier: price_spec.ServiceTier, price: Price) -> Price:
    if tier.factor is not None:
        return scaled(price, tier.factor)
    return _over(declared, tier, price)


def _over(declared: price_spec.Rates, rates: price_spec.Rates, price: Price) -> Price:
    """`price` with the `rates` that are set, and its own fees; no tier below it."""
    chosen = {
        name: getattr(declared, name) if getattr(rates, name) is None else getattr(rates, name)
        for name in _RATES
    }
    merged = _rates(price_spec.Rates(**chosen))
    return replace(merged, per_request=price.per_request, tools=price.tools)


def _rates(rates: price_spec.Rates) -> Price:
    usual = rates.input or 0
    return Price(
        input=usual,
        output=rates.output or 0,
        cached_input=usual if rates.cached_input is None else rates.cached_input,
        cache_write=usual if rates.cache_write is None else rates.cache_write,
        cache_write_1h=rates.cache_write_1h,
        reasoning=rates.reasoning,
        audio_input=rates.audio_input,
        audio_output=rates.audio_output,
        image_input=rates.image_input,
        image_output=rates.image_output,
    )
