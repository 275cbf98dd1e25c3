"""Weak answers first: what a policy says of its cascade and of who judges.

Must not know how an answer is looked at.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from weir_policy.ids import BackendId, RouterName

JUDGE_ROUTER: Final = RouterName("judge")  # a policy's router that is a model and not the scorer's
JUDGE_TIMEOUT: Final = 3.0  # seconds, where a table does not say


class Check(StrEnum):
    """What an answer must be, whatever it says."""

    JSON = "json"  # it parses
    SCHEMA = "schema"  # it is an instance of the schema that the request brought
    TOOLS = "tools"  # its calls name offered tools, with arguments that parse


class Streams(StrEnum):
    """What becomes of a request whose answer is streamed."""

    HOLD = "hold"  # the weak answer is held until it is accepted
    STRONG = "strong"  # answers at once
    WEAK = "weak"  # answers at once, and nobody looks


class CascadeResult(StrEnum):
    """How a weak answer came out; the same word in the metric."""

    ACCEPTED = "accepted"
    ESCALATED = "escalated"
    UNJUDGED = "unjudged"  # given without a verdict: it was too long, or there was none to be had


@dataclass(frozen=True, slots=True)
class Judge:
    """A model that rates answers or prompts."""

    backend: BackendId
    timeout: float = JUDGE_TIMEOUT  # seconds for its verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Cascade:
    """When the weakest candidate's answer is good enough; every way that is set must say so."""

    accept: float  # [0,1]: the least that the judge, the samples' agreement or the router must say
    judge: Judge | None = None
    check: Check | None = None
    samples: int = 1  # of the weak model's answers; 1: they are not compared
    skip_above: float | None = None  # from this score on the strong one answers at once
    streams: Streams = Streams.HOLD
    accept_unjudged: bool = False  # what becomes of an answer whose judge fails

    @property
    def inspects_answer(self) -> bool:
        """Whether anybody looks at the answer; else the router's confidence in it decides."""
        return self.judge is not None or self.check is not None or self.samples > 1
