"""The ports that several parts of routing share: clock, ids, traces and the scorer."""

from dataclasses import dataclass
from typing import Protocol

from weir_gateway.domain.decision import Calibration, Scored
from weir_gateway.domain.ids import BundleVersion, DecisionId
from weir_policy.ids import RouterName


class Clock(Protocol):
    """Seconds that only grow; their zero means nothing."""

    def __call__(self) -> float:
        """The time now."""
        ...


class Ids(Protocol):
    """Where decisions get their ids from."""

    def __call__(self) -> DecisionId:
        """A new, unique id: 32 hex digits."""
        ...


class TraceContext(Protocol):
    """A position in a trace (W3C trace context), passed on with each call."""

    @property
    def trace_id(self) -> int:
        """128 bits, never 0."""
        ...

    @property
    def span_id(self) -> int:
        """64 bits, never 0."""
        ...

    @property
    def sampled(self) -> bool:
        """Whether the trace is recorded."""
        ...

    @property
    def state(self) -> str:
        """The vendors' tracestate, as it came."""
        ...


class Span(Protocol):
    """The span a step of the way runs in; it keeps nothing where `recording` is False."""

    @property
    def context(self) -> TraceContext:
        """The parent of what is called from here."""
        ...

    @property
    def recording(self) -> bool:
        """Whether attributes are kept."""
        ...

    def set(self, key: str, value: str | float, /) -> None:
        """Set an attribute."""
        ...


@dataclass(frozen=True, slots=True)
class ScoreQuery:
    """One text to score."""

    text: str
    router: RouterName  # "" is the bundle's default
    timeout: float  # seconds
    want_quality: bool = False  # predicted quality per profile
    want_embedding: bool = False  # the text's embedding, if the router computes one
    trace: TraceContext | None = None  # the parent of the call's span
    earlier: tuple[str, ...] = ()  # the user's turns before the text, oldest first


class Scorer(Protocol):
    """Scores how hard a prompt is."""

    @property
    def bundle(self) -> BundleVersion | None:
        """The bundle in force; None until the scorer has described itself."""
        ...

    async def score(self, query: ScoreQuery) -> Scored:
        """Score one text.

        Raises ScorerUnavailable when the scorer is missing, late or shedding, and NoSuchRouter
        when its bundle has no such router.
        """
        ...

    def calibration(self, router: RouterName) -> Calibration:
        """The calibration of `router` in the bundle in force, without scoring anything."""
        ...
