"""Usage sums per policy, and how they are added to statuses exactly once. Pure.

A gateway reports what it has counted since it started. A status holds the total and, beside it, how
much came from each gateway; both are written together. A writer adds only what is new in a report,
so that a report may come twice, late, to another replica or after weeks without an operator.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import cast

from weir_operator.apply.cluster import JsonObject

MAX_RUNS = 32  # of whom a status remembers what is counted, or twice as many as there are gateways
UNKNOWN = 0  # `started` of a gateway that did not say


@dataclass(frozen=True, slots=True)
class Usage:
    """What a policy was used for; money in micro-USD."""

    requests: int = 0
    strong: int = 0
    paid: int = 0
    saved: int = 0

    def plus(self, other: "Usage") -> "Usage":
        """The sum."""
        return Usage(
            self.requests + other.requests,
            self.strong + other.strong,
            self.paid + other.paid,
            self.saved + other.saved,
        )

    def less(self, other: "Usage") -> "Usage":
        """The difference."""
        return Usage(
            self.requests - other.requests,
            self.strong - other.strong,
            self.paid - other.paid,
            self.saved - other.saved,
        )


@dataclass(frozen=True, slots=True, order=True)
class GatewayRun:
    """One life of one gateway."""

    gateway: str
    started: int  # milliseconds since 1970, by its own clock


@dataclass(frozen=True, slots=True)
class Tally:
    """A policy's sums, and how much of them came from whom; who reported last is last."""

    totals: Usage = Usage()
    by_run: tuple[tuple[GatewayRun, Usage], ...] = ()


def add_new_usage(
    tally: Tally, reported: Mapping[GatewayRun, Usage], connected: Collection[str]
) -> Tally:
    """The tally with what is new in `reported`; the same one where nothing is.

    `there` are the gateways that are connected: of those, what is counted is always remembered. A
    gateway's earlier life is over once a later one is counted, and what is still said of it is not
    looked at: it may have been forgotten that it was counted.
    """
    counted = dict(tally.by_run)
    latest_starts = _latest_starts(counted)
    totals = tally.totals
    for source, reported_sum in sorted(reported.items()):
        before = counted.get(source, Usage())
        if reported_sum.requests <= before.requests or source.started < latest_starts.get(
            source.gateway, 0
        ):
            continue
        totals = totals.plus(reported_sum.less(before))
        counted.pop(source, None)
        counted[source] = reported_sum
    if totals == tally.totals:
        return tally
    return Tally(totals, _most_relevant(counted, connected))


def _latest_starts(counted: Mapping[GatewayRun, Usage]) -> dict[str, int]:
    """When each gateway that is counted began its latest life."""
    starts: dict[str, int] = {}
    for source in counted:
        starts[source.gateway] = max(source.started, starts.get(source.gateway, 0))
    return starts


def _most_relevant(
    counted: Mapping[GatewayRun, Usage], connected: Collection[str]
) -> tuple[tuple[GatewayRun, Usage], ...]:
    latest_starts = _latest_starts(counted)
    entries = [
        item for item in counted.items() if item[0].started == latest_starts[item[0].gateway]
    ]
    over = len(entries) - max(MAX_RUNS, 2 * len(connected))
    for item in tuple(entries):
        if over > 0 and item[0].gateway not in connected:
            entries.remove(item)
            over -= 1
    return tuple(entries)


def tally_in(status: JsonObject) -> Tally:
    """What a status holds."""
    return Tally(_usage(status.get("totals")), tuple(_counted(status.get("counted"))))


def tally_fields(tally: Tally) -> dict[str, object]:
    """The fields of a status; none before the first request."""
    usage = tally.totals
    if not usage.requests:
        return {}
    return {
        "strongShare": f"{100 * usage.strong / usage.requests:.1f}%",
        "saved": _usd(usage.saved),
        "requests": usage.requests,
        "totals": _to_json(usage),
        "counted": [
            {"gateway": source.gateway, "started": source.started, **_to_json(of_it)}
            for source, of_it in tally.by_run
        ],
    }


def _counted(listed: object) -> list[tuple[GatewayRun, Usage]]:
    if not isinstance(listed, list):
        return []
    wires = [cast("JsonObject", c) for c in cast("list[object]", listed) if isinstance(c, dict)]
    return [
        (GatewayRun(str(wire.get("gateway", "")), _number(wire, "started")), _usage(wire))
        for wire in wires
    ]


def _usage(value: object) -> Usage:
    if not isinstance(value, dict):
        return Usage()
    wire = cast("JsonObject", value)
    fields = ("requests", "strong", "paidMicroUsd", "savedMicroUsd")
    return Usage(*(_number(wire, name) for name in fields))


def _number(wire: JsonObject, name: str) -> int:
    value = wire.get(name)
    return value if isinstance(value, int) else 0


def _to_json(usage: Usage) -> dict[str, object]:
    return {
        "requests": usage.requests,
        "strong": usage.strong,
        "paidMicroUsd": usage.paid,
        "savedMicroUsd": usage.saved,
    }


def _usd(micro: int) -> str:
    sign = "-" if micro < 0 else ""
    return f"{sign}${abs(micro) / 1_000_000:.2f}"
