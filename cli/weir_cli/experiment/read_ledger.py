"""An experiment's rows, summed by conversation."""

import math
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from weir_cli.ledger.database import has_column
from weir_gateway.adapters.ledger.sqlite import FEEDBACK, TABLE
from weir_gateway.domain.money import PICO_PER_USD

_MICROS: Final = 1_000_000
_UNITS: Final = (
    "SELECT variant, unit, sum(part = 0), sum(strong), sum(error <> ''), sum(paid_pico_usd), "  # noqa: S608 - the name is ours
    "sum(CASE WHEN part = 0 THEN duration_us ELSE 0 END), min(variant_share), max(variant_share) "
    f"FROM {TABLE} WHERE policy = ? AND at >= ? AND variant <> '' GROUP BY 1, 2"
)
_RATINGS: Final = (
    "SELECT variant, unit, sum(weight * rating), sum(weight) "  # noqa: S608 - the names are ours
    f"FROM {TABLE} JOIN {FEEDBACK} USING (decision, key) "
    f"WHERE part = 0 AND policy = ? AND {TABLE}.at >= ? AND variant <> '' "
    "AND rating IS NOT NULL GROUP BY 1, 2"
)
_SHADOW: Final = (
    "SELECT intended_model = baseline AS strong, sum(paid_pico_usd), sum(intended_pico_usd) "  # noqa: S608 - the name is ours
    f"FROM {TABLE} WHERE policy = ? AND at >= ? AND intended_model <> '' GROUP BY decision"
)
_POLICIES: Final = (
    "SELECT DISTINCT policy "  # noqa: S608 - the name is ours
    f"FROM {TABLE} WHERE at >= ? AND (variant <> '' OR intended_model <> '')"
)
_TARGETS: Final = (
    "SELECT variant, avg(target_share), avg(strong) "  # noqa: S608 - the name is ours
    f"FROM {TABLE} WHERE policy = ? AND at >= ? AND variant <> '' AND part = 0 "
    "AND target_share IS NOT NULL GROUP BY 1"
)
_THERE: Final = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"


@dataclass(slots=True)
class Arm:
    """One variant's conversations; every list has one entry per conversation."""

    requests: list[float] = field(default_factory=list[float])
    strong: list[float] = field(default_factory=list[float])
    failed: list[float] = field(default_factory=list[float])
    paid: list[float] = field(default_factory=list[float])  # USD
    seconds: list[float] = field(default_factory=list[float])
    rated: list[float] = field(default_factory=list[float])  # weights times ratings
    weight: list[float] = field(default_factory=list[float])  # of the ratings
    low: float = math.inf  # the smallest share that the variant was meant to have
    high: float = 0.0


@dataclass(slots=True)
class ShadowCosts:
    """What a policy in mode Shadow paid and would have paid, in USD, one entry per request."""

    strong: list[float] = field(default_factory=list[float])
    paid: list[float] = field(default_factory=list[float])
    intended: list[float] = field(default_factory=list[float])


def policies(database: sqlite3.Connection, since: int) -> tuple[str, ...]:
    """Those with variants or in mode Shadow since then (microseconds since 1970)."""
    return tuple(str(name) for (name,) in database.execute(_POLICIES, (since,)))


def arms(database: sqlite3.Connection, policy: str, since: int) -> tuple[dict[str, Arm], int]:
    """By variant; and how many conversations had more than one of them."""
    ratings = _ratings(database, policy, since)
    found: dict[str, Arm] = {}
    seen: dict[str, int] = {}
    for row in database.execute(_UNITS, (policy, since)):
        variant, unit = str(row[0]), str(row[1])
        requests, strong, failed, paid, micros, low, high = map(float, row[2:])
        arm = found.setdefault(variant, Arm())
        arm.requests.append(requests)
        arm.strong.append(strong)
        arm.failed.append(failed)
        arm.paid.append(paid / PICO_PER_USD)
        arm.seconds.append(micros / _MICROS)
        rated, weight = ratings.get((variant, unit), (0.0, 0.0))
        arm.rated.append(rated)
        arm.weight.append(weight)
        arm.low, arm.high = min(arm.low, low), max(arm.high, high)
        seen[unit] = seen.get(unit, 0) + 1
    return found, sum(1 for count in seen.values() if count > 1)


def target_shares(
    database: sqlite3.Connection, policy: str, since: int
) -> dict[str, tuple[float, float]]:
    """By variant with `strongShare`: the share asked for, and the one served."""
    if not has_column(database, "target_share"):
        return {}
    rows = database.execute(_TARGETS, (policy, since))
    return {str(name): (float(target), float(served)) for name, target, served in rows}


def shadow_costs(database: sqlite3.Connection, policy: str, since: int) -> ShadowCosts:
    """Each request's own costs and what it would have cost."""
    found = ShadowCosts()
    for strong, paid, intended in database.execute(_SHADOW, (policy, since)):
        found.strong.append(float(strong))
        found.paid.append(float(paid) / PICO_PER_USD)
        found.intended.append(float(intended) / PICO_PER_USD)
    return found


def shares(found: Mapping[str, Arm]) -> dict[str, float] | None:
    """What part of conversations each was meant to have; None where that changed meanwhile."""
    meant = {name: arm.high for name, arm in found.items()}
    steady = all(math.isclose(arm.low, arm.high, rel_tol=1e-6) for arm in found.values())
    return meant if steady and math.isclose(sum(meant.values()), 1.0, abs_tol=1e-6) else None


def _ratings(
    database: sqlite3.Connection, policy: str, since: int
) -> dict[tuple[str, str], tuple[float, float]]:
    if not database.execute(_THERE, (FEEDBACK,)).fetchone():
        return {}
    rows: Sequence[Sequence[object]] = database.execute(_RATINGS, (policy, since)).fetchall()
    return {
        (str(variant), str(unit)): (float(str(rated)), float(str(weight)))
        for variant, unit, rated, weight in rows
    }
