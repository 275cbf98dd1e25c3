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


class HeldStreams(StrEnum):
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
        "The ModelBackend that judges; it speaks `chat` or `messages`. A small one that does "
        "not think before it answers.",
    )
    namespace: str | None = optional(
        LABEL, "Its namespace, where it is another one that lists this one in allowedNamespaces."
    )
    timeout: float = defaulted(DURATION, "How long its verdict is waited for.", default="3s")


@shape
class Cascade:
    """The weakest answers first; where its answer is not accepted, the next one does."""

    accept: float = required(
        PROBABILITY,
        "A weak answer is kept where the judge holds it good with at least this probability, and "
        "where at least this share of the samples agree. Where nothing looks at the answer: where "
        "1 - score is at least this.",
    )
    judge: Judge | None = optional(Object(Judge), "A model that is asked whether it is good.")
    check: AnswerCheck | None = optional(
        Choice(AnswerCheck),
        "What it must be: JSON (json), an instance of the schema that the request brings (schema), "
        "or free of calls of tools that were not offered or whose arguments don't parse (tools).",
    )
    samples: int = defaulted(
        Whole(at_least=1, at_most=5),
        "Answers of the weakest model to the same request that are compared; 1: only the one.",
        default=1,
    )
    skip_above: float | None = optional(
        PROBABILITY, "From this score on the last candidate answers at once."
    )
    streams: HeldStreams = defaulted(
        Choice(HeldStreams),
        "Of streamed answers the weak one is held until it is accepted (hold), or the last "
        "candidate (strong) or the weakest (weak) answers at once and nobody looks.",
        default="hold",
    )
    on_judge_failure: JudgeFailure = defaulted(
        Choice(JudgeFailure),
        "What becomes of an answer whose judge is late, broken or says neither yes nor no.",
        default="escalate",
    )
