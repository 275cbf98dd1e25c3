"""What the gateway adds to a backend's declaration when it builds its table."""

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
        ({"capabilities": []}, set()),
        ({"capabilities": ["state"]}, {Capability.STATE}),
    ],
)
def test_a_backend_without_a_list_of_capabilities_is_tried_with_all_but_state(
    written: Wire, capabilities: set[Capability]
) -> None:
    assert _built(**written).capabilities == capabilities


def _built(**spec: object) -> Backend:
    documents = [backend("weak"), backend("strong", **spec), policy()]
    parsed = [parse(document).resource for document in documents]
    plan = compile_table(gather([resource for resource in parsed if resource]), Form.FILE)
    (built,) = build(read(plan.table_json), None).table.policies
    return built.candidates[-1]
