"""Usage sums per policy, and how they are added to statuses exactly once. Pure.

A gateway reports what it has counted since it started. A status holds the total and, beside it, how
much came from each gateway; both are written together. A writer adds only what is new in a report,
so that a report may come twice, late, to another replica or after weeks without an operator.
"""

from collections.abc import Collection, Mapping
from dataclasses import astuple, dataclass
from typing import cast

from weir_operator.apply.cluster import JsonObject

# Runs of gateways whose counted sums a status lists; at least twice the number of gateways.
MAX_RUNS = 32
UNKNOWN = 0  # `started` of a gateway that did not say


@dataclass(frozen=True, slots=True)
class Usage:
    """A policy's requests, strong answers and money; money in micro-USD."""

    requests: int = 0
    strong: int = 0
    paid: int = 0
    saved: int = 0
    judged: int = 0  # of requests: those whose prompt was told to be known or unknown
    unknown: int = 0  # of these: those of a kind that the bundle doesn't know

    def plus(self, other: "Usage") -> "Usage":
        return Usage(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def less(self, other: "Usage") -> "Usage":
        return Usage(*(a - b for a, b in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, slots=True, order=True)
class GatewayRun:
    """One run of one gateway, from its start to its end."""

    gateway: str
    started: int  # milliseconds since 1970, by its own clock


@dataclass(frozen=True, slots=True)
class Tally:
    """A policy's totals and each run's share of them, the latest report last."""

    totals: Usage = Usage()
    by_run: tuple[tuple[GatewayRun, Usage], ...] = ()


def add_new_usage(
    tally: Tally, reported: Mapping[GatewayRun, Usage], connected: Collection[str]
) -> Tally:
    """Add what is new in `reported`; returns the same tally where nothing is.

    The sums of `connected` gateways always stay listed. Once a later run of a gateway is counted,
    reports of its earlier runs are ignored: they may have been counted and dropped from the list.
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
    """When each counted gateway's latest run started."""
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
    """The tally that a status holds."""
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
        **_unknown_share(usage),
        "totals": _to_json(usage),
        "counted": [
            {"gateway": source.gateway, "started": source.started, **_to_json(of_it)}
            for source, of_it in tally.by_run
        ],
    }


def _unknown_share(usage: Usage) -> dict[str, object]:
    """Nothing where no scorer told whether prompts are known."""
    if not usage.judged:
        return {}
    return {"unknownShare": f"{100 * usage.unknown / usage.judged:.1f}%"}


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
    fields = ("requests", "strong", "paidMicroUsd", "savedMicroUsd", "judged", "unknown")
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
        **({"judged": usage.judged, "unknown": usage.unknown} if usage.judged else {}),
    }


def _usd(micro: int) -> str:
    sign = "-" if micro < 0 else ""
    return f"{sign}${abs(micro) / 1_000_000:.2f}"
