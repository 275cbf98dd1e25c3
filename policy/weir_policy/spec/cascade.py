"""A RoutePolicy's cascade and the models that judge: the declaration only."""

from enum import StrEnum

from weir_policy.fields.composite import Object
from weir_policy.fields.formats import BACKEND, DURATION, LABEL, PROBABILITY
from weir_policy.fields.kinds import Choice, Whole
from weir_policy.fields.shapes import defaulted, optional, required, shape
from weir_policy.ids import BackendId


class AnswerCheck(StrEnum):
    """What an answer must be, whatever it says."""

    JSON = "json"
    SCHEMA = "schema"
    TOOLS = "tools"


class StreamHandling(StrEnum):
    """What becomes of a request whose answer is streamed."""

    HOLD = "hold"
    STRONG = "strong"
    WEAK = "weak"


class JudgeFailure(StrEnum):
    """What becomes of an answer whose judge fails."""

    ACCEPT = "accept"
    ESCALATE = "escalate"


@shape
class Judge:
    """A model that rates answers or prompts."""

    backend: BackendId = required(
        BACKEND,
        "The ModelBackend that judges. It must speak `chat` or `messages`; use a small model "
        "that doesn't think before it answers.",
    )
    namespace: str | None = optional(
        LABEL,
        "Its namespace, if it is another one; that backend must list this policy's "
        "namespace in allowedNamespaces.",
    )
    timeout: float = defaulted(DURATION, "How long to wait for its verdict.", default="3s")


@shape
class Cascade:
    """The weakest answers first; where its answer is not accepted, the next one does."""

    accept: float = required(
        PROBABILITY,
        "What a weak answer needs to be accepted: with `judge`, at least this probability of "
        "being good; with `samples`, at least this share of samples that agree; with no check "
        "at all, 1 - score of at least this.",
    )
    judge: Judge | None = optional(Object(Judge), "A model that says whether the answer is good.")
    check: AnswerCheck | None = optional(
        Choice(AnswerCheck),
        "The form that the answer must have: JSON (json), valid against the request's schema "
        "(schema), or without calls of tools that were not offered or whose arguments don't "
        "parse (tools).",
    )
    samples: int = defaulted(
        Whole(at_least=1, at_most=5),
        "How many answers of the weakest model to compare; 1: no comparison.",
        default=1,
    )
    skip_above: float | None = optional(
        PROBABILITY, "From this score on, the last candidate answers at once."
    )
    streams: StreamHandling = defaulted(
        Choice(StreamHandling),
        "For streams: buffer the weak answer until it is accepted (hold), or let the last "
        "candidate (strong) or the weakest (weak) answer at once, without a check.",
        default="hold",
    )
    on_judge_failure: JudgeFailure = defaulted(
        Choice(JudgeFailure),
        "What happens to an answer whose judge is late, fails, or says neither yes nor no.",
        default="escalate",
    )

    @property
    def inspects_answer(self) -> bool:
        """Whether the answer is looked at; else the router's confidence decides."""
        return self.judge is not None or self.check is not None or self.samples > 1
