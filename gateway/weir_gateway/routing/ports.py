"""What routing needs of the world, as narrow Protocols; adapters/ and tests' fakes fill them.

A new strategy, provider or store is one file that fills one of these and one line where it is
built. Must not know who fills them.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from weir_gateway.domain.cache import Answer
from weir_gateway.domain.cascade import CascadeResult, Check
from weir_gateway.domain.decision import Calibration, RouteDecision, Scored
from weir_gateway.domain.ids import BundleVersion, DecisionId, PolicyId, RouterName
from weir_gateway.domain.limits import Ask, Held, Taken
from weir_gateway.domain.money import PicoUsd
from weir_gateway.domain.request import Facts, Request
from weir_gateway.domain.session import Warm
from weir_gateway.domain.spent import PaidBeside
from weir_gateway.domain.table import Backend, Exploration
from weir_wires.content import Question, Said
from weir_wires.usage import Usage


class Clock(Protocol):
    """Seconds that only grow; their zero means nothing."""

    def __call__(self) -> float:
        """The time now."""
        ...


class Ids(Protocol):
    """Where decisions get their ids from."""

    def __call__(self) -> DecisionId:
        """An id nobody had before: 32 hex digits."""
        ...


class TraceContext(Protocol):
    """A place in a trace (W3C trace context), handed on to whoever is called."""

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


class Condition(Protocol):
    """A rule's `when`, compiled."""

    def holds(self, facts: Facts) -> bool:
        """Whether it holds for a request. Raises RuleFailed where it can't be evaluated."""
        ...


class RuleFailed(Exception):
    """A rule can't be evaluated for this request; the message says why."""


class Conditions(Protocol):
    """The language rules are written in."""

    def compile(self, when: str) -> Condition:
        """Compile once per table. Raises ValueError, saying where, when it does not parse."""
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


class Answers(Protocol):
    """Answers that are kept to be given again; bounded, forgets the least used first."""

    async def find(self, key: bytes) -> Answer | None:
        """The answer kept under `key`; None where there is none, or none in time. Never raises."""
        ...

    def keep(self, key: bytes, answer: Answer, seconds: float) -> None:
        """Keep it for `seconds`, unless it is too large. Never blocks, never raises."""
        ...


class Spend(Protocol):
    """Sums of money by name, over all gateways that share a store. Never blocks, never raises."""

    def add(self, counter: str, amount: PicoUsd, until: float) -> None:
        """Add `amount`, at least 0, to a sum that is over at `until` (seconds since 1970).

        Its period is part of its name.
        """
        ...

    def spent(self, counter: str, until: float) -> PicoUsd:
        """The sum as far as it is known here: what others add shows within a second.

        Of a sum that was never asked for, only what was added here.
        """
        ...


class Limits(Protocol):
    """What clients and backends may still use."""

    async def take(self, asks: Sequence[Ask], *, closed: bool) -> Taken:
        """Set aside what one request takes of all its limits, or nothing where one refuses it.

        `closed` limits raise LimitsUnknown while the store that counts for all gateways is gone;
        others are then counted here alone.
        """
        ...

    def settle(self, held: Held, amount: int) -> None:
        """Count `amount` in place of what was set aside. Never blocks, never raises."""
        ...


class Sessions(Protocol):
    """Which backend has served a conversation last; bounded, forgets the oldest."""

    def warm(self, session: str) -> Warm | None:
        """Who has its beginning cached; None where that is not known or too long ago."""
        ...

    def keep(self, session: str, warm: Warm, seconds: float) -> None:
        """Remember it for `seconds`."""
        ...


class Reply(Protocol):
    """An upstream's answer, its first chunk already there: a fallback is no longer possible."""

    @property
    def status(self) -> int:
        """The provider's HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The provider's headers that may be passed on, names in lower case."""
        ...

    @property
    def usage(self) -> Usage | None:
        """Tokens as the provider counted them; known once the chunks have ended, if told at all."""
        ...

    @property
    def pieces(self) -> int:
        """Events of a stream that have passed so far; 0 of a whole answer."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body's bytes as they come. Raises UpstreamError when it breaks half-way."""
        ...

    async def close(self, *, abort: bool) -> None:
        """Give the connection back; with `abort` cancel the upstream call at once."""
        ...


class Sent(Reply, Protocol):
    """A request's answer, and what was spent beside it."""

    @property
    def wasted(self) -> Usage | None:
        """Tokens, estimated, of a second call for the same request that was cancelled."""
        ...


class Upstreams(Protocol):
    """The providers."""

    async def send(self, backend: Backend, request: Request, *, last_resort: bool = False) -> Sent:
        """Forward `request` to `backend`; returns once the first chunk is there.

        `last_resort` says that nobody else is left: a backend that is left alone for its failures
        is then called all the same. Raises UpstreamError before the first byte, and for answers
        that a fallback may mend; CannotCarry where the backend's wire has no place for a field.
        """
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a dispatched request ended: what was paid, what was saved, how long it took."""

    status: int
    usage: Usage | None  # None where the provider told none
    paid: PicoUsd  # in all
    saved: PicoUsd  # against the last candidate; an estimate
    overhead: float  # seconds spent deciding
    duration: float  # seconds from the request's arrival to its last byte
    error: str = ""  # the code, where it did not end well
    beside: tuple[PaidBeside, ...] = ()  # what of `paid` was not for the answer itself

    @property
    def paid_for_answer(self) -> PicoUsd:
        """What of `paid` was for the answer that the client got."""
        return PicoUsd(self.paid - sum(one.paid for one in self.beside))


class Accounts(Protocol):
    """Where decisions and their outcomes are counted. Never blocks, never raises."""

    def decided(self, request: Request, decision: RouteDecision, seconds: float) -> None:
        """Count one decision that took `seconds`."""
        ...

    def fell_back(self, request: Request, decision: RouteDecision) -> None:
        """Count that `decision` took the place of one whose model failed."""
        ...

    def joined(self, request: Request, decision: RouteDecision) -> None:
        """Count that the answer to the same request, which was under way, is `decision`'s too."""
        ...

    def finished(self, request: Request, decision: RouteDecision, outcome: Outcome) -> None:
        """Count one request's end, an aborted one too."""
        ...

    def cascaded(self, request: Request, decision: RouteDecision, result: CascadeResult) -> None:
        """Count how a weak answer came out, and that `decision` follows from it."""
        ...


class Words(Protocol):
    """What is said in requests and answers, on any wire, and what a judge is told and says."""

    async def said(self, request: Request, chunks: Sequence[bytes], *, stream: bool) -> Said | None:
        """The words of an answer to `request`; None where it can't be read."""
        ...

    async def wrong(self, check: Check, request: Request, said: Said) -> str:
        """What keeps an answer from being what `check` asks for; empty where nothing does."""
        ...

    def same(self, one: Said, other: Said) -> bool:
        """Whether two answers say the same, but for case, punctuation and spaces."""
        ...

    async def good(self, request: Request, said: Said) -> Question:
        """Asks whether an answer is good."""
        ...

    def hard(self, text: str) -> Question:
        """Asks how hard it is to answer what a user wrote."""
        ...

    def put(
        self, question: Question, backend: Backend, request: Request, *, logprobs: bool
    ) -> Request:
        """The question as a request to `backend`, on `request`'s behalf."""
        ...

    def heard(self, question: Question, asked: Request, body: bytes) -> float | None:
        """What the judge says, in [0,1]: how good, or how hard. None where it says neither."""
        ...


class Purse(Protocol):
    """What policies may spend on exploration, by period. Never blocks, never raises."""

    def holds(self, policy: PolicyId, exploration: Exploration, amount: PicoUsd) -> bool:
        """Whether `amount` is left in this period, as far as is known here."""
        ...

    def take(self, policy: PolicyId, exploration: Exploration, amount: PicoUsd) -> None:
        """Spend it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything routing is built from. A policy that needs a port which is None goes without."""

    scorer: Scorer
    upstreams: Upstreams
    accounts: Accounts
    conditions: Conditions
    clock: Clock
    ids: Ids
    sessions: Sessions | None = None
    purse: Purse | None = None
    answers: Answers | None = None  # without it no answer is given twice
    spend: Spend | None = None  # without it nothing is known of what was spent
    words: Words | None = None  # without it no answer is looked at, and no model judges
    limits: Limits | None = None  # without it nothing is limited
