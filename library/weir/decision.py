"""What was decided for one prompt, and why."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from weir_gateway.domain.money import usd
from weir_gateway.routing.explain import CandidateView, Explanation


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model that competed."""

    backend: str  # the ModelBackend's name
    model: str  # its provider's id
    quality: float | None  # predicted, in [0,1]; None without a profile or a score
    estimated_usd: float  # for this prompt and an answer of usual length, from above
    lacks: str  # why it can't serve the request; empty where it can
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The model that should answer, and everything that led to it."""

    id: str  # 32 hex digits; `Decider.settle` takes it
    backend: str  # the chosen ModelBackend's name
    model: str  # its provider's id: what to write in `model`
    provider: str  # its protocol, such as "openai"
    policy: str  # namespace/name
    reason: str  # as the gateway's x-weir-reason: scored, rule:NAME, sticky, filtered, ...
    detail: str  # more of the reason, such as why there is no score; may be empty
    strong: bool  # whether it is the policy's last candidate
    score: float | None  # [0,1]: how much a strong model is likely to help; None: not asked
    threshold: float | None  # the score from which a stronger model is chosen
    known: float | None  # [0,1]: how well this kind of prompt is known; None: not reported
    router: str  # which router scored; empty without a score
    bundle: str  # name@digest of what scored; empty without a score
    candidates: tuple[Candidate, ...]  # weakest first
    fallbacks: tuple[str, ...]  # backends to try in this order if the chosen one fails
    rules: Mapping[str, str]  # the rules that were evaluated, with their verdicts
    intended: str = ""  # mode Shadow: the backend that would have been chosen
    variant: str = ""  # which of the policy's variants decided

    def to_dict(self) -> dict[str, object]:
        """The decision as plain values, ready for JSON."""
        return asdict(self)

    def explain(self) -> str:
        """The decision as a few lines of text."""
        return "\n".join(_lines(self))


def decision_of(explained: Explanation) -> Decision:
    """Put the gateway's own explanation into plain values."""
    decision = explained.decision
    scored = decision.scored
    return Decision(
        id=decision.id,
        backend=decision.chosen.name,
        model=decision.chosen.model,
        provider=decision.chosen.protocol,
        policy=decision.policy,
        reason=decision.label,
        detail=decision.detail,
        strong=decision.strong,
        score=scored.score if scored else None,
        threshold=decision.threshold,
        known=scored.known if scored else None,
        router=scored.router if scored else "",
        bundle=scored.bundle if scored else "",
        candidates=tuple(map(_candidate, explained.candidates)),
        fallbacks=tuple(backend.name for backend in explained.fallbacks),
        rules={rule.name: str(rule.verdict) for rule in explained.rules},
        intended=decision.intended.chosen.name if decision.intended else "",
        variant=decision.variant.name if decision.variant else "",
    )


def _candidate(view: CandidateView) -> Candidate:
    return Candidate(
        backend=view.backend.name,
        model=view.backend.model,
        quality=view.quality,
        estimated_usd=usd(view.estimate),
        lacks=view.lacks,
        chosen=view.chosen,
    )


def _lines(decision: Decision) -> list[str]:
    lines = [f"{decision.backend} by policy {decision.policy}: {decision.reason}"]
    if decision.detail and decision.detail not in decision.reason:
        lines.append(f"  {decision.detail}")
    if decision.intended:
        lines.append(f"  mode Shadow: its choice is {decision.intended}")
    lines += [f"  rule {name}: {verdict}" for name, verdict in decision.rules.items()]
    if decision.score is not None:
        against = "" if decision.threshold is None else f", threshold {decision.threshold:.3f}"
        known = "" if decision.known is None else f", known {decision.known:.2f}"
        lines.append(f"  score {decision.score:.3f}{against} (router {decision.router}{known})")
    lines += map(_candidate_line, decision.candidates)
    if decision.fallbacks:
        lines.append(f"  else {', then '.join(decision.fallbacks)}")
    return lines


def _candidate_line(candidate: Candidate) -> str:
    quality = "" if candidate.quality is None else f"  quality {candidate.quality:.2f}"
    lacks = f"  can't serve this: it lacks {candidate.lacks}" if candidate.lacks else ""
    mark = "▶" if candidate.chosen else " "
    return f"  {mark} {candidate.backend}{quality}  ${candidate.estimated_usd:.6f}{lacks}"
