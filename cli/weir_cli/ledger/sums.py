"""The ledger summed by model, policy, key, reason, variant or day."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from weir_cli.ledger.database import has_column, has_feedback, open_ledger
from weir_gateway.adapters.ledger.sqlite import FEEDBACK, OLDER_VERSIONS, TABLE
from weir_gateway.domain.decision import Reason
from weir_gateway.domain.money import PICO_PER_USD

GROUPS: Final = {
    "model": "model",
    "policy": "policy",
    "key": "key",
    "reason": "reason",
    "variant": "variant",
    "day": "strftime('%Y-%m-%d', at / 1000000, 'unixepoch')",
}
_BY_ANSWER: Final = {GROUPS["model"], GROUPS["reason"]}  # of which no share can be asked
_TOTAL: Final = "'total'"
_MICROS_PER_MS: Final = 1000

_SUMS: Final = """
SELECT {group}, sum({answers}), sum(strong), sum(error <> ''), sum(input_tokens),
       sum(cached_tokens), sum(output_tokens), sum({answers} AND NOT counted),
       sum(paid_pico_usd), sum(saved_pico_usd),
       sum(CASE WHEN reason = '{by_limit}' THEN saved_pico_usd ELSE 0 END)
FROM {table} WHERE at >= ? GROUP BY 1 ORDER BY 1
"""
_OVERHEAD: Final = """
SELECT grp, max(CASE WHEN rank = (n + 1) / 2 THEN overhead_us END),
       max(CASE WHEN rank = (99 * n + 99) / 100 THEN overhead_us END)
FROM (SELECT {group} AS grp, overhead_us,
             row_number() OVER (PARTITION BY {group} ORDER BY overhead_us) AS rank,
             count(*) OVER (PARTITION BY {group}) AS n
      FROM {table} WHERE at >= ? AND {answers}) GROUP BY grp
"""
_RATINGS: Final = (
    "SELECT {group}, count(*), sum(weight * rating) / sum(weight) "  # noqa: S608 - the names are ours
    f"FROM {TABLE} JOIN {FEEDBACK} USING (decision, key) "
    f"WHERE part = 0 AND {TABLE}.at >= ? AND rating IS NOT NULL GROUP BY 1"
)


_SHARES: Final = (
    "SELECT {group}, avg(target_share), avg(strong) "  # noqa: S608 - the names are ours
    f"FROM {TABLE} WHERE at >= ? AND {{answers}} AND target_share IS NOT NULL GROUP BY 1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """One group's sums. Money in USD; `saved_usd` is an estimate, see docs/ledger.md."""

    group: str
    requests: int
    strong: int
    failed: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    uncounted: int  # answers without token counts from the provider: their cost is estimated
    paid_usd: float
    saved_usd: float
    all_strong_usd: float  # paid and saved: the same tokens on the policy's last candidate
    saved_by_limits_usd: float  # the part of `saved_usd` that a limit or a budget forced
    overhead_p50_ms: float | None = None  # that Weir added until it had decided; None: no answer
    overhead_p99_ms: float | None = None
    rated: int = 0  # answers that clients scored
    target_share: float | None = None  # by `strongShare`, of the requests that count for it
    served_share: float | None = None  # of these, what the strong model answered
    rating: float | None = None  # their mean score, weighted by key; None without any


def read_sums(path: Path, by: str, since: int) -> tuple[list[Sums], Sums]:
    """The groups and the total of what ended at `since` (microseconds since 1970) or later.

    Raises Failure where the file is not there or no ledger.
    """
    with open_ledger(path) as (database, version):
        answers = (
            "1" if version in OLDER_VERSIONS else "part = 0"
        )  # older files have no other parts
        groups = _read(database, GROUPS[by], answers, since)
        total = next(iter(_read(database, _TOTAL, answers, since)), _NOTHING)
    return groups, total


def _read(database: sqlite3.Connection, group: str, answers: str, since: int) -> list[Sums]:
    names = {"group": group, "table": TABLE, "answers": answers, "by_limit": Reason.BUDGET.value}
    overhead = {
        str(name): (_milliseconds(p50), _milliseconds(p99))
        for name, p50, p99 in database.execute(_OVERHEAD.format(**names), (since,))
    }
    sums = [
        _sums(row, overhead.get(str(row[0]), (None, None)))
        for row in database.execute(_SUMS.format(**names), (since,))
    ]
    if group not in _BY_ANSWER and has_column(database, "target_share"):
        shares = {
            str(name): (float(target), float(served))
            for name, target, served in database.execute(
                _SHARES.format(group=group, answers=answers), (since,)
            )
        }
        sums = [_with_shares(each, shares.get(each.group)) for each in sums]
    if not has_feedback(database):
        return sums
    ratings_query = _RATINGS.format(group=group.replace("at /", f"{TABLE}.at /"))
    ratings = {
        str(name): (int(count), float(mean))
        for name, count, mean in database.execute(ratings_query, (since,))
    }
    return [
        replace(each, rated=ratings[each.group][0], rating=ratings[each.group][1])
        if each.group in ratings
        else each
        for each in sums
    ]


def _sums(row: Sequence[object], overhead: tuple[float | None, float | None]) -> Sums:
    group, *numbers = row
    requests, strong, failed, read, cached, output, uncounted, *picos = map(int, map(str, numbers))
    paid, saved, by_limits = (pico / PICO_PER_USD for pico in picos)
    return Sums(
        group=str(group),
        requests=requests,
        strong=strong,
        failed=failed,
        input_tokens=read,
        cached_tokens=cached,
        output_tokens=output,
        uncounted=uncounted,
        paid_usd=paid,
        saved_usd=saved,
        all_strong_usd=(picos[0] + picos[1]) / PICO_PER_USD,
        saved_by_limits_usd=by_limits,
        overhead_p50_ms=overhead[0],
        overhead_p99_ms=overhead[1],
    )


def _with_shares(sums: Sums, shares: tuple[float, float] | None) -> Sums:
    if shares is None:
        return sums
    return replace(sums, target_share=shares[0], served_share=shares[1])


def _milliseconds(micros: object) -> float | None:
    return None if micros is None else int(str(micros)) / _MICROS_PER_MS


_NOTHING: Final = Sums(
    group="total",
    requests=0,
    strong=0,
    failed=0,
    input_tokens=0,
    cached_tokens=0,
    output_tokens=0,
    uncounted=0,
    paid_usd=0.0,
    saved_usd=0.0,
    all_strong_usd=0.0,
    saved_by_limits_usd=0.0,
)
