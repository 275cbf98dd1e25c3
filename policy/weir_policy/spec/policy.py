"""RoutePolicy: which requests, which models, how one is chosen. The declaration only."""

from enum import StrEnum
from typing import ClassVar

from weir_policy.fields.composite import ITSELF, List, Object
from weir_policy.fields.formats import (
    BACKEND,
    HEADER,
    LABEL,
    MODEL_PATTERN,
    PROBABILITY,
    SHARE,
    USD,
    WORD,
    text,
)
from weir_policy.fields.kinds import Choice, Flag
from weir_policy.fields.shapes import Check, defaulted, optional, required, shape
from weir_policy.ids import BackendId, ModelName, PicoUsd
from weir_policy.spec.cache import Cache
from weir_policy.spec.cascade import Cascade
from weir_policy.spec.finish_gate import GATE_CHECKS, FinishGate
from weir_policy.spec.limits import LimitsFailure, PolicyLimits
from weir_policy.spec.objective import Objective, Period
from weir_policy.spec.passthrough import Passthrough
from weir_policy.spec.resilience import FallbackOn
from weir_policy.spec.router import Router, Variant
from weir_policy.spec.session import PIN_CHECKS, Session
from weir_policy.spec.stage import STAGE_CHECKS


class ScorerFailure(StrEnum):
    """What answers when there is no score."""

    WEAK = "weak"
    STRONG = "strong"
    REJECT = "reject"


class RuleFallback(StrEnum):
    """Who answers when the candidate that a rule names fails."""

    POLICY = "policy"
    NONE = "none"


class Mode(StrEnum):
    """Whether decisions are obeyed."""

    ENFORCE = "Enforce"
    SHADOW = "Shadow"


@shape
class HeaderMatch:
    """A header that the request must carry."""

    name: str = required(HEADER, "The header; case does not matter.")
    value: str = required(text("value", 1024), "Its whole value; case matters.")


@shape
class Match:
    """Which requests the policy serves."""

    models: tuple[ModelName, ...] = required(
        List(MODEL_PATTERN, at_least=1, at_most=64, unique=ITSELF),
        "The values of the request's `model` that this policy serves. A `*` stands for any "
        "characters: `claude-*`. An exact name goes before a pattern, and a longer pattern "
        "before a shorter one.",
    )
    headers: tuple[HeaderMatch, ...] = defaulted(
        List(Object(HeaderMatch), at_most=16, unique="name"),
        "Headers that the request must have as well, all of them. The policy with more headers "
        "goes first.",
        default=[],
    )


@shape
class Candidate:
    """A model that competes in this policy."""

    backend: BackendId = required(BACKEND, "The ModelBackend.")
    namespace: str | None = optional(
        LABEL,
        "Its namespace, if it is another one; that backend must list this policy's "
        "namespace in allowedNamespaces.",
    )


@shape
class Rule:
    """A choice made before any scoring."""

    name: str = required(WORD, "Shown as the reason `rule:<name>`.")
    when: str = required(
        text("CEL expression", 2048),
        "CEL over the request's facts; the rule holds when it is true. A rule that can't be "
        "evaluated for a request, for example because a header is missing, does not hold.",
    )
    use: BackendId = required(BACKEND, "The candidate that answers then.")
    fallback: RuleFallback = defaulted(
        Choice(RuleFallback),
        "What happens when that candidate fails: failureMode applies (policy), or its error is "
        "the answer (none), so that such requests never go to another model. In mode Shadow "
        "the last candidate answers anyway.",
        default="policy",
    )


@shape
class FailureMode:
    """What happens when something fails."""

    scorer: ScorerFailure = defaulted(
        Choice(ScorerFailure),
        "When there is no score in time: the first candidate answers (weak), the last (strong), or "
        "the request is refused with 503 (reject).",
        default="weak",
    )
    upstream: tuple[BackendId, ...] = defaulted(
        List(BACKEND, at_most=16, unique=ITSELF),
        "The candidates that are tried, in this order, when the chosen one fails before its "
        "first byte. Empty: no fallback.",
        default=[],
    )
    fallback_on: tuple[FallbackOn, ...] = defaulted(
        List(Choice(FallbackOn), at_least=1, at_most=16, unique=ITSELF),
        "The kinds of failure after which `upstream` is used: 429 or a full queue (rateLimit), "
        "the provider account's money or quota used up (quota), no capacity (overloaded), "
        "a prompt longer than the window (contextLength; the next one has a larger window), "
        "the provider's refusal of this prompt (contentFilter), of the key (auth) or of the "
        "model's id (modelNotFound), any other failure to answer (down), and a field that its "
        "wire can't carry (cannotCarry).",
        default=[
            *("rateLimit", "quota", "overloaded", "contextLength"),
            *("auth", "modelNotFound", "down", "cannotCarry"),
        ],
    )
    limits: LimitsFailure = defaulted(
        Choice(LimitsFailure),
        "While the Redis that counts limits for all gateways is away: each gateway counts "
        "alone, at the full limit (open), or requests with a limit are refused with 503 "
        "(closed).",
        default="open",
    )


@shape
class ExplorationBudget:
    """What exploration may cost."""

    usd: PicoUsd = required(USD, "The amount.")
    per: Period = required(Choice(Period), "The period, in UTC; a month is 30 days here.")


@shape
class Exploration:
    "Near the threshold some requests go to the other candidate, so that feedback can compare"

    "the two."

    CHECKS: ClassVar = (Check("double(self.band) > 0.0", "must be above 0", "band"),)

    band: float = required(
        PROBABILITY, "How far from the threshold a score may be for a request to take part."
    )
    share: float = required(
        SHARE,
        "The share of those requests that go to the candidate that the threshold would not choose.",
    )
    budget: ExplorationBudget = required(
        Object(ExplorationBudget),
        "The estimated cost that exploration may add; when it is reached, every choice is the "
        "usual one until the period ends.",
    )


@shape
class ClientThreshold:
    """The bounds within which a client may choose."""

    CHECKS: ClassVar = (
        Check("double(self.min) <= double(self.max)", "min must not be above max", "min"),
    )

    min: float = required(PROBABILITY, "The lowest threshold that a client may set.")
    max: float = required(PROBABILITY, "The highest threshold that a client may set.")


@shape
class Expose:
    "What else clients may see and do."

    score: bool = defaulted(Flag(), "The score, in the header x-weir-score.", default=False)
    route: bool = defaulted(
        Flag(), "POST /v1/route, which returns the decision and sends nothing.", default=False
    )
    client_threshold: ClientThreshold | None = optional(
        Object(ClientThreshold),
        "Clients may set the threshold with the model name `router-<router>-<threshold>`, "
        "within these bounds.",
    )
    direct: bool = defaulted(
        Flag(), "Clients may call candidates by their own names.", default=False
    )


@shape
class Probe:
    """A decision that must hold before a new table is programmed."""

    prompt: str = required(text("prompt", 4096), "The text of the user.")
    expect: BackendId = required(BACKEND, "The candidate that must be chosen for it.")


# The first rule that names no candidate, where there is one.
_STRANGER = "self.rules.filter(r, !self.candidates.exists(c, c.backend == r.use))[0]"


@shape
class RoutePolicySpec:
    """Which requests are served, which models compete, how one is chosen, what if things fail."""

    CHECKS: ClassVar = (
        Check(
            "has(self.objective) || size(self.candidates) == 1",
            "is required where candidates compete: write an objective",
            "objective",
        ),
        Check(
            "!has(self.objective) || has(self.objective.budget) || has(self.objective.value) || "
            "size(self.candidates) <= 2",
            "threshold, strongShare and quality need exactly two candidates, weakest first; for "
            "more of them write value or budget",
            "candidates",
        ),
        Check(
            "size(self.candidates) <= 2 || !has(self.variants) || "
            "self.variants.all(v, !has(v.objective) || has(v.objective.value))",
            "an objective beside more than two candidates must be a value",
            "variants",
        ),
        Check(
            "!has(self.variants) || size(self.variants) == 0 || (has(self.objective) && "
            "!has(self.objective.budget))",
            "need an objective that is no budget: variants would spend one another's",
            "variants",
        ),
        Check(
            "!has(self.exploration) || !has(self.cascade)",
            "can't be combined with cascade, where the weak answer is tried first in any case",
            "exploration",
        ),
        Check(
            "!has(self.router) || !has(self.router.judge) || !has(self.objective) || "
            "!has(self.objective.quality)",
            "quality needs a router with a calibration: a judge has none; write a threshold or a "
            "strongShare",
            "objective",
        ),
        Check(
            "!has(self.router) || !has(self.router.judge) || !has(self.variants) || "
            "self.variants.all(v, has(v.router) || !has(v.objective) || "
            "!has(v.objective.quality))",
            "quality needs a router with a calibration: a judge has none; name another router in "
            "the variant, or write a threshold or a strongShare",
            "variants",
        ),
        Check(
            "!has(self.probes) || size(self.probes) == 0 || (!has(self.cascade) && "
            "(!has(self.router) || !has(self.router.judge)))",
            "can't be decided where a model rates prompts or answers: nothing is sent for a probe",
            "probes",
        ),
        Check(
            "!has(self.cascade) || size(self.candidates) >= 2",
            "needs a candidate to escalate to: write two or more, weakest first",
            "cascade",
        ),
        Check(
            "!has(self.rules) || self.rules.all(r, self.candidates.exists(c, c.backend == r.use))",
            "use must name one of the candidates in every rule",
            "rules",
            "rule %s: use must name one of the candidates, not %s",
            (f"{_STRANGER}.name", f"{_STRANGER}.use"),
            "self.candidates.map(c, c.backend)",
        ),
        Check(
            "!has(self.failureMode) || !has(self.failureMode.upstream) || "
            "self.failureMode.upstream.all(u, self.candidates.exists(c, c.backend == u))",
            "upstream must name candidates only",
            "failureMode",
        ),
        Check(
            "!has(self.probes) || "
            "self.probes.all(p, self.candidates.exists(c, c.backend == p.expect))",
            "expect must name one of the candidates in every probe",
            "probes",
        ),
        *STAGE_CHECKS,
        *GATE_CHECKS,
        *PIN_CHECKS,
    )

    match: Match = required(Object(Match), "Which requests the policy serves.")
    candidates: tuple[Candidate, ...] = required(
        List(Object(Candidate), at_least=1, at_most=16, unique="backend"),
        "The models that compete, weakest first: two, or one that answers alone.",
    )
    rules: tuple[Rule, ...] = defaulted(
        List(Object(Rule), at_most=32, unique="name"),
        "Choices made before any scoring; the first rule that holds decides.",
        default=[],
    )
    router: Router = defaulted(Object(Router), "How a prompt is scored.", default={})
    objective: Objective | None = optional(
        Object(Objective),
        "Where the threshold between weak and strong comes from; without effect if there is "
        "one candidate.",
    )
    cascade: Cascade | None = optional(
        Object(Cascade),
        "The weakest candidate that can serve a request answers first, whatever the objective "
        "says; the next one answers if that answer is not accepted.",
    )
    finish_gate: FinishGate | None = optional(
        Object(FinishGate),
        "Where a weaker model's answer ends an agent's run, the run is scored, and another model "
        "gets the last word if it has probably failed. See docs/agents.md.",
        feature="finishGate",
    )
    cache: Cache | None = optional(Object(Cache), "Which answers are stored and given again.")
    session: Session | None = optional(Object(Session), "Settings for conversations.")
    failure_mode: FailureMode = defaulted(
        Object(FailureMode), "What happens when something fails.", default={}
    )
    limits: PolicyLimits | None = optional(Object(PolicyLimits), "What clients may use.")
    exploration: Exploration | None = optional(
        Object(Exploration),
        "Near the threshold some requests go to the other candidate, so that feedback can "
        "compare the two.",
    )
    variants: tuple[Variant, ...] = defaulted(
        List(Object(Variant), at_most=8, unique="name"),
        "Routers or objectives that compete, each for a share of the conversations; a variant "
        "that names neither is the policy as it is. See docs/experiments.md.",
        default=[],
    )
    passthrough: tuple[Passthrough, ...] = defaulted(
        List(Object(Passthrough), at_most=32),
        "Paths that need no decision, such as images, audio, moderations and rerank: they go to "
        "the backend that is named, with keys, limits and the ledger. What isn't named is a 404.",
        default=[],
        feature="passthrough",
    )
    expose: Expose = defaulted(Object(Expose), "What else clients may see and do.", default={})
    mode: Mode = defaulted(
        Choice(Mode),
        "Enforce: decisions are obeyed. Shadow: they are recorded, and the last candidate answers.",
        default="Enforce",
    )
    probes: tuple[Probe, ...] = defaulted(
        List(Object(Probe), at_most=16),
        "Decisions that must come out as expected before a new table is programmed.",
        default=[],
    )
