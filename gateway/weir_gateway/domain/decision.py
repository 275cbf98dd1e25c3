"""What was decided for one request, and why: the value behind headers, logs, spans and metrics."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from weir_gateway.domain.budget import BudgetReservation
from weir_gateway.domain.cache import NO_LOOKUP, CacheLookup
from weir_gateway.domain.finish_gate import GateView
from weir_gateway.domain.ids import BundleVersion, DecisionId
from weir_gateway.domain.limits import UNLIMITED, Admission
from weir_gateway.domain.session import SessionReservation
from weir_gateway.domain.stage import StageView
from weir_gateway.domain.table import Backend, Policy, Retention
from weir_policy.ids import BackendId, PicoUsd, PolicyId, RouterName, TableVersion


@dataclass(frozen=True, slots=True)
class AssignedVariant:
    """A request's variant."""

    name: str
    share: float  # (0,1] of conversations that have it
    unit: str  # the conversation, as a hash: all its requests have the same variant


class Reason(StrEnum):
    """Why this candidate; the same string in log, metric label, span attribute and header."""

    SCORED = "scored"
    UNKNOWN = "unknown"
    NO_BETTER = "no_better"
    RULE = "rule"
    STICKY = "sticky"
    STAGE = "stage"
    CACHE = "cache"
    CASCADE_ACCEPTED = "cascade_accepted"
    CASCADE_ESCALATED = "cascade_escalated"
    FINISH_GATE = "finish_gate"
    FILTERED = "filtered"
    BUDGET = "budget"
    SCORER_UNAVAILABLE = "scorer_unavailable"
    WARMING_UP = "warming_up"
    FALLBACK = "fallback"
    CLIENT_THRESHOLD = "client_threshold"
    DIRECT = "direct"
    PASSTHROUGH = "passthrough"
    SHADOW = "shadow"


# A prompt that is less known than this is unknown: a twentieth of the prompts like those that the
# bundle was trained on are.
UNKNOWN_BELOW: Final = 0.05

UNSCORED: Final = frozenset({Reason.SCORER_UNAVAILABLE, Reason.WARMING_UP})
_DETAILED: Final = frozenset({Reason.RULE, Reason.FALLBACK, Reason.STAGE, Reason.FINISH_GATE})


class Calibration(Protocol):
    """Translates an objective into a threshold for the scores of one bundle's router."""

    @property
    def fails(self) -> bool:
        """Whether labels of own traffic show that the scores do no better than drawing lots."""
        ...

    def threshold_for_share(self, share: float) -> float | None:
        """The threshold that sends `share` (0,1) of the reference prompts to the strong model.

        None without a calibration.
        """
        ...

    def threshold_for_retention(self, objective: Retention) -> float | None:
        """The highest threshold certified for `objective`; 0.0 (all strong) if there is none.

        None without a calibration.
        """
        ...


class Uncalibrated:
    """The calibration of a router that has none."""

    fails = False

    def threshold_for_share(self, share: float) -> float | None:
        del share
        return None

    def threshold_for_retention(self, objective: Retention) -> float | None:
        del objective
        return None


UNCALIBRATED = Uncalibrated()


@dataclass(frozen=True, slots=True)
class Scored:
    """One prompt's score in [0,1] and, if requested, its predicted quality per profile."""

    score: float
    quality: Mapping[str, float]  # profile -> [0,1]; empty if not requested
    bundle: BundleVersion
    router: RouterName  # the one that really answered
    cached: bool = False
    # Profile -> the standard error of its predictions, in log-odds; empty where none is stated.
    doubts: Mapping[str, float] = field(default_factory=dict[str, float], compare=False)
    embedding: bytes = b""  # of the text, float32; empty if not requested or not available
    text_score: float | None = None  # of the text, where `score` is of an agent's turn
    agent_score: float | None = None  # of the turn, before the text moved it
    known: float | None = None  # [0,1]: how well the prompt's kind is known; None: not told
    skipped: int = 0  # characters at the prompt's start that weren't scored: its policy's template
    # Of the bundle and router that scored.
    calibration: Calibration = field(default=UNCALIBRATED, compare=False, repr=False)

    @property
    def unknown(self) -> bool:
        """Whether the bundle knows little of such prompts."""
        return self.known is not None and self.known < UNKNOWN_BELOW


@dataclass(frozen=True, slots=True)
class Excluded:
    """A candidate that could not serve this request, and what it lacked."""

    backend: BackendId
    lacks: str


class Verdict(StrEnum):
    """How a rule came out for one request."""

    HOLDS = "holds"
    HOLDS_NOT = "does not hold"
    PINNED = "holds for the session"  # since it held before
    FAILED = "failed"  # it could not be evaluated, which counts as not holding


@dataclass(frozen=True, slots=True)
class RuleResult:
    """One rule that was asked, and its answer."""

    name: str
    verdict: Verdict
    error: str = ""  # why it failed


@dataclass(frozen=True, slots=True)
class RouteDecision:
    """The chosen candidate and everything that led to it."""

    id: DecisionId
    policy: PolicyId
    chosen: Backend
    baseline: Backend  # what `saved` is measured against: the policy's last candidate
    reason: Reason
    table: TableVersion
    detail: str = ""  # rule's name, fallback's status or error, why the scorer was not there
    scored: Scored | None = None
    threshold: float | None = None
    estimates: Mapping[BackendId, PicoUsd] | None = None  # predicted cost, where it was compared
    excluded: tuple[Excluded, ...] = ()
    rule_results: tuple[RuleResult, ...] = ()
    intended: "RouteDecision | None" = None  # Shadow: what would have been done
    cache: CacheLookup = NO_LOOKUP
    admission: Admission = UNLIMITED
    servable: tuple[Backend, ...] = ()  # who was left to choose from, weakest first
    propensity: float = 1.0  # (0,1]: how probable this choice was; below 1 while exploring
    explored: bool = False  # drawn against the threshold, to learn how the other one does
    batch: str = ""  # the batch whose item it is for; empty: a client waits for the answer
    buffered: bool = False  # its answer is looked at before the client gets it (a cascade)
    variant: AssignedVariant | None = None  # of the policy's variants; None where it has none
    budget_reservation: BudgetReservation | None = (
        None  # in its policy's budget, where that has one
    )
    target_share: float | None = None  # (0,1): of `strongShare`, where the score was asked
    stage: StageView | None = None  # what the router `stage` saw of an agent's turn
    session_reservation: SessionReservation | None = None  # under its session's ceiling
    gate: GateView | None = None  # what a finish gate does with the answer

    @property
    def strong(self) -> bool:
        """Whether the request went to the policy's last candidate."""
        return self.chosen.id == self.baseline.id

    def weakest(self, policy: Policy) -> Backend:
        """The first of the policy's candidates that can serve; the chosen one where none can."""
        lacking = {one.backend for one in self.excluded}
        return next((b for b in policy.candidates if b.id not in lacking), self.chosen)

    def is_pinned(self, policy: Policy) -> bool:
        """Whether a rule decided that allows no fallback."""
        return self.reason is Reason.RULE and any(
            rule.no_fallback for rule in policy.rules if rule.name == self.detail
        )

    @property
    def label(self) -> str:
        """The reason as it is written everywhere: a word, or `rule:<name>`, `stage:<step>`, ..."""
        if self.reason in _DETAILED:
            return f"{self.reason}:{self.detail}"
        return str(self.reason)
