"""What a decision costs with ten candidates instead of two, the score aside.

    python -m bench.candidates

All rows are measured in turn in one process, so that a busy machine slows them alike. Prints a
table and writes bench/out/candidates.json.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

from weir_gateway.adapters.route_table.build import build
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.domain.decision import UNCALIBRATED, Calibration, Scored
from weir_gateway.domain.ids import BundleVersion, DecisionId
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import RouteTable
from weir_gateway.http.parse import openai_chat
from weir_gateway.routing.context import Purpose, RoutingContext
from weir_gateway.routing.decide import Decider, DecisionParts
from weir_gateway.routing.ports import ScoreQuery
from weir_operator.local import compile_paths
from weir_policy.ids import RouterName

OUT = Path(__file__).parent / "out" / "candidates.json"
ROUNDS: Final = 31
DECISIONS: Final = 400  # a round
MICRO: Final = 1e6
BUNDLE: Final = BundleVersion("bench@0")
BODY: Final = json.dumps(
    {"model": "auto", "messages": [{"role": "user", "content": "Why is the sky blue? " * 10}]}
).encode()
VALUE: Final = {"value": {"usdPerPoint": "0.001"}}
ROWS: Final = {
    "2, threshold": (2, {"threshold": "0.5"}),
    "2, value": (2, VALUE),
    "10, value": (10, VALUE),
}


@dataclass(frozen=True, slots=True)
class Row:
    """Microseconds a decision, the median of the rounds."""

    candidates: str
    decide: float
    more: float  # than the first row's, the median of the rounds' own differences


@dataclass(frozen=True, slots=True)
class KnownScorer:
    """Answers at once with the same score and qualities."""

    quality: Mapping[str, float] = field(
        default_factory=lambda: {f"m{index}": 0.4 + index / 20 for index in range(10)}
    )
    bundle: BundleVersion | None = BUNDLE

    async def score(self, query: ScoreQuery) -> Scored:
        """The same for every prompt."""
        return Scored(0.4, self.quality, BUNDLE, query.router)

    def calibration(self, router: RouterName) -> Calibration:
        """None: no objective here needs one."""
        del router
        return UNCALIBRATED


def main() -> None:
    rows = asyncio.run(_measure())
    for row in rows:
        print(f"{row.candidates:<14} decide {row.decide:6.1f} µs   {row.more:+6.1f} µs")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps([asdict(row) for row in rows], indent=2))


async def _measure() -> list[Row]:
    request = openai_chat.parse(BODY, {})
    tables = {name: _table(count, objective) for name, (count, objective) in ROWS.items()}
    decider = Decider(
        DecisionParts(
            scorer=KnownScorer(), conditions=CelConditions(), ids=lambda: DecisionId("0" * 32)
        )
    )
    times: dict[str, list[float]] = {name: [] for name in ROWS}
    for _ in range(ROUNDS):
        for name, table in tables.items():
            times[name].append(await _round(decider, request, table))
    first = times[next(iter(ROWS))]
    return [
        Row(name, median(own), median(a - b for a, b in zip(own, first, strict=True)))
        for name, own in times.items()
    ]


async def _round(decider: Decider, request: Request, table: RouteTable) -> float:
    started = perf_counter()
    for _ in range(DECISIONS):
        await decider.decide(
            RoutingContext(request=request, table=table, purpose=Purpose.SERVE, score_timeout=1.0)
        )
    return (perf_counter() - started) / DECISIONS * MICRO


def _table(count: int, objective: object) -> RouteTable:
    api = {"apiVersion": "weir.dev/v1alpha1"}
    names = [f"m{index}" for index in range(count)]
    backends = [
        {
            **api,
            "kind": "ModelBackend",
            "metadata": {"name": name},
            "spec": {
                "protocol": "openai",
                "endpoint": "http://127.0.0.1:9/v1",
                "model": name,
                "profile": name,
                "price": {"input": str(1 + index), "output": str(4 + index)},
            },
        }
        for index, name in enumerate(names)
    ]
    policy = {
        **api,
        "kind": "RoutePolicy",
        "metadata": {"name": "bench"},
        "spec": {
            "match": {"models": ["auto"]},
            "candidates": [{"backend": name} for name in names],
            "objective": objective,
        },
    }
    compiled = compile_paths([], documents=[*backends, policy])
    if compiled.mistakes:
        raise SystemExit("\n".join(map(str, compiled.mistakes)))
    return build(compiled.table, None).table


if __name__ == "__main__":
    main()
