"""What the gateway adds to a backend's declaration when it builds its table."""

from dataclasses import replace
from typing import Any

import pytest

from support.resources import Wire, backend, policy
from weir_gateway.adapters.route_table.build import build, read
from weir_gateway.domain.money import Price
from weir_gateway.domain.table import Backend
from weir_operator.plan.check import Form
from weir_operator.plan.compile import compile_table
from weir_policy.reading.parse import parse
from weir_policy.reading.resources import gather
from weir_policy.spec.backend import Capability

FULL = {"input": "2.5", "output": "10", "cachedInput": "0.25", "cacheWrite": "3.125"}


@pytest.mark.parametrize(
    ("written", "price"),
    [
        ({"input": "2.5", "output": "10"}, Price(2_500_000, 10_000_000, 2_500_000, 2_500_000)),
        (FULL, Price(2_500_000, 10_000_000, 250_000, 3_125_000)),
        ({**FULL, "cachedInput": "0"}, Price(2_500_000, 10_000_000, 0, 3_125_000)),
        ({}, Price(0, 0, 0, 0)),
    ],
)
def test_cached_tokens_cost_as_other_prompt_tokens_unless_a_price_is_set(
    written: Wire, price: Price
) -> None:
    assert _built(price=written).price == price


@pytest.mark.parametrize(
    ("written", "capabilities"),
    [
        ({}, {Capability.TOOLS, Capability.VISION, Capability.JSON_SCHEMA}),
        ({"capabilities": []}, set[Capability]()),
        ({"capabilities": ["state"]}, {Capability.STATE}),
    ],
)
def test_a_backend_without_a_list_of_capabilities_is_tried_with_all_but_state(
    written: Wire, capabilities: set[Capability]
) -> None:
    assert _built(**written).capabilities == capabilities


TIERED = {
    **FULL,
    "perRequest": "0.005",
    "tools": [{"name": "web_search_requests", "perThousand": "10"}],
    "tiers": [{"above": 200_000, "input": "5", "cacheWrite1h": "10"}, {"above": 900_000}],
    "serviceTiers": [{"name": "flex", "factor": "0.5"}, {"name": "fast", "output": "60"}],
    "batch": {"input": "1.25"},
}


def test_every_tier_is_whole() -> None:
    plain = Price(
        2_500_000,
        10_000_000,
        250_000,
        3_125_000,
        per_request=5_000_000_000,
        tools=(("web_search_requests", 10_000_000_000),),
    )
    long = replace(plain, input=5_000_000, cache_write_1h=10_000_000)
    half = replace(
        plain, input=1_250_000, output=5_000_000, cached_input=125_000, cache_write=1_562_500
    )
    half_long = replace(half, input=2_500_000, cache_write_1h=5_000_000)
    assert _built(price=TIERED).price == replace(
        plain,
        tiers=((900_000, plain), (200_000, long)),
        batch=replace(plain, input=1_250_000),
        service_tiers=(
            ("flex", replace(half, tiers=((900_000, half), (200_000, half_long)))),
            ("fast", replace(plain, output=60_000_000)),
        ),
    )


@pytest.mark.parametrize("tier", [{"name": "a"}, {"name": "a", "factor": "2", "input": "1"}])
def test_a_tier_of_service_has_either_a_factor_or_prices(tier: Wire) -> None:
    parsed = parse(backend("strong", price={"serviceTiers": [tier]}))
    assert [mistake.message for mistake in parsed.mistakes] == ["write either factor or prices"]


def _built(**spec: Any) -> Backend:
    documents = [backend("weak"), backend("strong", **spec), policy()]
    parsed = [parse(document).resource for document in documents]
    plan = compile_table(gather([resource for resource in parsed if resource]), Form.FILE)
    (built,) = build(read(plan.table_json), None).table.policies
    return built.candidates[-1]
