"""Whether a backend is healthy, from what gateways saw."""

from dataclasses import replace

import pytest

from weir_operator.apply.gateways import GatewayState, Health
from weir_operator.apply.health import HEALTH_MEANINGS, HealthReason, HealthVerdict, judge_health
from weir_operator.apply.status import PRICE_MEANINGS, PriceReason, backend_status_of, conditions_in
from weir_operator.plan.findings import Finding, PriceOrigin
from weir_policy.reading.resources import ResourceKind, ResourceRef

FINDING = Finding(ResourceRef(ResourceKind.BACKEND, "shop", "weak"), 2, (), "u")
WELL = HealthVerdict(holds=True, reason=HealthReason.HEALTHY, message="well")
ILL = HealthVerdict(holds=False, reason=HealthReason.FAILING, message="by: timeout")


def seen(
    calls: int, failures: int, generation: int = 2, uid: str = "u", how: str = "503"
) -> GatewayState:
    """One gateway that saw this."""
    health = Health("shop/weak", uid, generation, calls, failures, how if failures else "")
    return GatewayState(f"g{calls}-{failures}", health=(health,))


@pytest.mark.parametrize(
    ("gateways", "before", "holds"),
    [
        ((), None, None),
        ((), WELL, True),
        ((), ILL, False),
        ((seen(10, 0),), None, True),
        ((seen(10, 0),), ILL, True),
        ((seen(10, 5),), WELL, False),
        ((seen(1, 1),), None, False),
        ((seen(10, 3),), WELL, True),
        ((seen(10, 3),), ILL, False),
        ((seen(10, 3),), None, True),
        ((seen(10, 0), seen(12, 12)), None, False),  # over all gateways
        ((seen(30, 0), seen(2, 2)), None, True),
        ((seen(9, 9, generation=1),), None, None),  # of what it was before
        ((seen(9, 9, uid="former"),), WELL, True),
    ],
)
def test_the_verdict(
    gateways: tuple[GatewayState, ...], before: HealthVerdict | None, holds: object
) -> None:
    assert judge_health(FINDING, gateways, before).holds is holds


def test_a_refused_credential_is_a_reason_of_its_own() -> None:
    how = "credential: backend shop/weak can't be called: Google refused the credentials: gone"
    found = judge_health(FINDING, (seen(4, 4, how=how),), ILL)
    assert (found.holds, found.reason) == (False, HealthReason.CREDENTIAL)
    assert how in found.message
    # It stays as it is written while nothing else fails, and changes with the kind of failure.
    assert judge_health(FINDING, (seen(4, 4, how=f"{how} again"),), found) is found
    assert judge_health(FINDING, (seen(4, 4),), found).reason is HealthReason.FAILING


def test_the_status_keeps_the_verdict_of_its_generation_and_drops_it_with_another() -> None:
    first = backend_status_of(FINDING, (seen(2, 2),), {}, "2026-01-01T00:00:00Z")
    condition = conditions_in(first)["Healthy"]
    assert (condition["status"], condition["reason"]) == ("False", "Failing")
    assert "503" in str(condition["message"])
    again = backend_status_of(FINDING, (), first, "2026-01-02T00:00:00Z")
    assert again == first
    changed = Finding(FINDING.ref, 3, (), "u")
    anew = conditions_in(backend_status_of(changed, (), first, "2026-01-02T00:00:00Z"))["Healthy"]
    assert (anew["status"], anew["reason"]) == ("Unknown", "NoTraffic")


@pytest.mark.parametrize(
    ("price", "status", "reason"),
    [
        (PriceOrigin(known=True), "True", "Priced"),
        (PriceOrigin(known=False), "False", "NoPrice"),
        (PriceOrigin(known=True, catalog="acme/large", checked="2025-07-06"), "True", "Priced"),
        (
            PriceOrigin(known=True, catalog="acme/large", checked="2025-07-04"),
            "Unknown",
            "PriceOld",
        ),
        (None, "Unknown", "NoPrice"),
    ],
)
def test_the_status_says_where_the_price_is_from(
    price: PriceOrigin | None, status: str, reason: str
) -> None:
    written = backend_status_of(replace(FINDING, price=price), (), {}, "2026-01-01T00:00:00Z")
    condition = conditions_in(written)["Priced"]
    assert (condition["status"], condition["reason"]) == (status, reason)


def test_every_reason_is_documented() -> None:
    assert set(HEALTH_MEANINGS) == set(HealthReason)
    assert set(PRICE_MEANINGS) == set(PriceReason)
