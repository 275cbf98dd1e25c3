"""What policies were used for: sums that gateways count, and how they get into statuses once.

A gateway reports what it has counted since it started. A status holds the sum over all gateways
and, beside it, how much of it came from each one; the two are written together. So whoever writes
a status adds what is new in a report and nothing else: a report may come twice, late, to another
replica or after weeks without an operator. Pure. Must not know how either is sent.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import cast

from weir_operator.apply.cluster import Wire

SOURCES = 32  # of whom a status remembers what is counted, or twice as many as there are gateways
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
class Source:
    """One life of one gateway."""

    gateway: str
    started: int  # milliseconds since 1970, by its own clock


@dataclass(frozen=True, slots=True)
class Tally:
    """A policy's sums, and how much of them came from whom; who reported last is last."""

    totals: Usage = Usage()
    counted: tuple[tuple[Source, Usage], ...] = ()


def brought_up(tally: Tally, reported: Mapping[Source, Usage], there: Collection[str]) -> Tally:
    """The tally with what is new in `reported`; the same one where nothing is.

    `there` are the gateways that are connected: of those, what is counted is always remembered. A
    gateway's earlier life is over once a later one is counted, and what is still said of it is not
    looked at: it may have been forgotten that it was counted.
    """
    counted = dict(tally.counted)
    lives = _lives(counted)
    totals = tally.totals
    for source, now in sorted(reported.items()):
        before = counted.get(source, Usage())
        if now.requests <= before.requests or source.started < lives.get(source.gateway, 0):
            continue
        totals = totals.plus(now.less(before))
        counted.pop(source, None)
        counted[source] = now
    if totals == tally.totals:
        return tally
    return Tally(totals, _remembered(counted, there))


def _lives(counted: Mapping[Source, Usage]) -> dict[str, int]:
    """When each gateway that is counted began its latest life."""
    lives: dict[str, int] = {}
    for source in counted:
        lives[source.gateway] = max(source.started, lives.get(source.gateway, 0))
    return lives


def _remembered(
    counted: Mapping[Source, Usage], there: Collection[str]
) -> tuple[tuple[Source, Usage], ...]:
    lives = _lives(counted)
    kept = [item for item in counted.items() if item[0].started == lives[item[0].gateway]]
    over = len(kept) - max(SOURCES, 2 * len(there))
    for item in tuple(kept):
        if over > 0 and item[0].gateway not in there:
            kept.remove(item)
            over -= 1
    return tuple(kept)


def tally_in(status: Wire) -> Tally:
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
        "totals": _wire(usage),
        "counted": [
            {"gateway": source.gateway, "started": source.started, **_wire(of_it)}
            for source, of_it in tally.counted
        ],
    }


def _counted(listed: object) -> list[tuple[Source, Usage]]:
    if not isinstance(listed, list):
        return []
    wires = [cast("Wire", c) for c in cast("list[object]", listed) if isinstance(c, dict)]
    return [
        (Source(str(wire.get("gateway", "")), _number(wire, "started")), _usage(wire))
        for wire in wires
    ]


def _usage(written: object) -> Usage:
    if not isinstance(written, dict):
        return Usage()
    wire = cast("Wire", written)
    fields = ("requests", "strong", "paidMicroUsd", "savedMicroUsd")
    return Usage(*(_number(wire, name) for name in fields))


def _number(wire: Wire, name: str) -> int:
    value = wire.get(name)
    return value if isinstance(value, int) else 0


def _wire(usage: Usage) -> dict[str, object]:
    return {
        "requests": usage.requests,
        "strong": usage.strong,
        "paidMicroUsd": usage.paid,
        "savedMicroUsd": usage.saved,
    }


def _usd(micro: int) -> str:
    sign = "-" if micro < 0 else ""
    return f"{sign}${abs(micro) / 1_000_000:.2f}"
