"""Hand-written fakes for the gateway's ports: they do what they are told and remember it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from weir_gateway.domain.cascade import CascadeResult
from weir_gateway.domain.decision import RouteDecision, Scored
from weir_gateway.domain.errors import ScorerUnavailable
from weir_gateway.domain.finish_gate import GateStep
from weir_gateway.domain.ids import BundleVersion, DecisionId
from weir_gateway.domain.outcome import Outcome
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend, Retention
from weir_gateway.routing.ports import ScoreQuery
from weir_policy.ids import BackendId, RouterName
from weir_wires.content import Usage

BUNDLE = BundleVersion("fake@000000000000")


class FakeClock:
    """Stands still until it is moved."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class FakeIds:
    """Counts: 000...1, 000...2."""

    def __init__(self) -> None:
        self.given = 0

    def __call__(self) -> DecisionId:
        self.given += 1
        return DecisionId(f"{self.given:032x}")


@dataclass(frozen=True)
class FakeCalibration:
    """Thresholds by a table; the same for all routers."""

    shares: Mapping[float, float]
    retention: float | None
    fails: bool = False

    def threshold_for_share(self, share: float) -> float | None:
        return self.shares.get(share)

    def threshold_for_retention(self, objective: Retention) -> float | None:
        del objective
        return self.retention


@dataclass
class FakeScorer:
    """Scores by a table of texts; everything else gets `default`."""

    scores: Mapping[str, float] = field(default_factory=dict[str, float])
    default: float = 0.5
    quality: Mapping[str, float] = field(default_factory=dict[str, float])
    share_thresholds: Mapping[float, float] = field(default_factory=dict[float, float])
    retention_threshold: float | None = None
    embeddings: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    fails: bool = False  # as labels of own traffic show
    doubts: Mapping[str, float] = field(default_factory=dict[str, float])
    known: Mapping[str, float] = field(default_factory=dict[str, float])  # others: not told
    error: ScorerUnavailable | None = None
    bundle: BundleVersion | None = BUNDLE
    queries: list[ScoreQuery] = field(default_factory=list[ScoreQuery])

    async def score(self, query: ScoreQuery) -> Scored:
        self.queries.append(query)
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return Scored(
            self.scores.get(query.text, self.default),
            self.quality if query.want_quality else {},
            self.bundle or BUNDLE,
            RouterName(query.router or "linear"),
            doubts=self.doubts,
            embedding=self.embeddings.get(query.text, b"") if query.want_embedding else b"",
            known=self.known.get(query.text),
            calibration=self.calibration(query.router),
        )

    def calibration(self, router: RouterName) -> FakeCalibration:
        del router
        return FakeCalibration(self.share_thresholds, self.retention_threshold, self.fails)


@dataclass
class FakeReply:
    """An upstream's answer, all of it at hand."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Sequence[bytes] = (b"{}",)
    usage: Usage | None = None
    wasted: Usage | None = None
    written: int = 0
    finished: int = 0
    closed: list[bool] = field(default_factory=list[bool])  # the `abort` of each close()

    async def chunks(self) -> AsyncIterator[bytes]:
        for chunk in self.body:
            await asyncio.sleep(0)
            yield chunk

    async def finish(self) -> None:
        self.finished += 1

    async def close(self, *, abort: bool) -> None:
        self.closed.append(abort)


@dataclass
class FakeUpstreams:
    """Answers, or raises, by backend id."""

    answers: Mapping[BackendId, FakeReply | Exception] = field(
        default_factory=dict[BackendId, FakeReply | Exception]
    )
    sent: list[BackendId] = field(default_factory=list[BackendId])
    insisted: list[bool] = field(default_factory=list[bool])  # the `last_resort` of each

    async def send(
        self, backend: Backend, request: Request, *, last_resort: bool = False
    ) -> FakeReply:
        del request
        self.insisted.append(last_resort)
        self.sent.append(backend.id)
        await asyncio.sleep(0)
        answer = self.answers.get(backend.id, FakeReply())
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class FakeAccounts:
    """Keeps everything it is told."""

    decisions: list[RouteDecision] = field(default_factory=list[RouteDecision])
    seconds: list[float] = field(default_factory=list[float])
    fallbacks: list[RouteDecision] = field(default_factory=list[RouteDecision])
    joiners: list[RouteDecision] = field(default_factory=list[RouteDecision])
    gates: list[tuple[RouteDecision, GateStep]] = field(
        default_factory=list[tuple[RouteDecision, GateStep]]
    )
    cascades: list[tuple[RouteDecision, CascadeResult]] = field(
        default_factory=list[tuple[RouteDecision, CascadeResult]]
    )
    outcomes: list[tuple[RouteDecision, Outcome]] = field(
        default_factory=list[tuple[RouteDecision, Outcome]]
    )

    def decided(self, request: Request, decision: RouteDecision, seconds: float) -> None:
        del request
        self.decisions.append(decision)
        self.seconds.append(seconds)

    def joined(self, request: Request, decision: RouteDecision) -> None:
        del request
        self.joiners.append(decision)

    def fell_back(self, request: Request, decision: RouteDecision) -> None:
        del request
        self.fallbacks.append(decision)

    def cascaded(self, request: Request, decision: RouteDecision, result: CascadeResult) -> None:
        del request
        self.cascades.append((decision, result))

    def gated(self, request: Request, decision: RouteDecision, step: GateStep) -> None:
        del request
        self.gates.append((decision, step))

    def finished(self, request: Request, decision: RouteDecision, outcome: Outcome) -> None:
        del request
        self.outcomes.append((decision, outcome))
