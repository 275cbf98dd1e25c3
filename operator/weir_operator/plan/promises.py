"""Whether what a policy promises was shown on its own traffic. Pure.

A bundle's own certificates come from recorded exams: they say nothing of chat, or of anything else
that a policy serves. Labels of the traffic do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from weir_operator.plan.check import SPEC
from weir_operator.plan.findings import Advice
from weir_policy.fields.mistakes import Path
from weir_policy.reading.resources import RoutePolicy

ENOUGH_LABELS: Final = 300  # with fewer too little is shown of a router
EPSILON: Final = 1e-9  # decimal shares survive their way through binary floats


class PromiseReason(StrEnum):
    """Why a policy's promise is, or isn't, proven."""

    OWN_LABELS = "OwnLabels"
    UNPROVEN = "Unproven"
    NO_CERTIFICATE = "NoCertificate"
    NO_BETTER = "NoBetterThanLots"


PROMISE_MEANINGS: dict[PromiseReason, str] = {
    PromiseReason.OWN_LABELS: "Labels of your own traffic certify what `quality` asks for.",
    PromiseReason.UNPROVEN: "The certificate comes from the bundle's exams, which say nothing of "
    "your traffic. Certify on labels of your own: `weir calibrate --retention ... --into BUNDLE`.",
    PromiseReason.NO_CERTIFICATE: "The bundle has no certificate for what `quality` asks for, so "
    "every request goes to the strong model.",
    PromiseReason.NO_BETTER: "Labels of your own traffic show that the router does no better than "
    "drawing lots. `strongShare` draws lots; a `threshold` stays in force.",
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """One retention that a bundle certifies for a router."""

    retention: float
    confidence: float
    own: bool = False  # on labels of own traffic; else on the bundle's exams


@dataclass(frozen=True, slots=True)
class RouterProof:
    """What a bundle can show of one router."""

    certificates: tuple[Certificate, ...] = ()
    labels: int = 0  # of own traffic that it was measured on
    gain: float = 0.0  # there, over drawing lots

    @property
    def fails(self) -> bool:
        """Whether own labels show that it does no better than lots."""
        return self.labels >= ENOUGH_LABELS and self.gain <= 0


Proofs = Mapping[str, RouterProof]  # by router; "" is the bundle's default router
_NOTHING = RouterProof()


@dataclass(frozen=True, slots=True)
class Promise:
    """Whether a policy's promise is proven, and what to do where it isn't."""

    reason: PromiseReason
    path: Path
    hint: str = ""

    @property
    def holds(self) -> bool:
        """Whether own labels prove it."""
        return self.reason is PromiseReason.OWN_LABELS

    @property
    def message(self) -> str:
        """The reason in words."""
        return PROMISE_MEANINGS[self.reason]

    @property
    def advice(self) -> Advice | None:
        """A warning where it isn't proven."""
        return None if self.holds else Advice(self.path, _as_warning(self.message), self.hint)


def promise_of(policy: RoutePolicy, proofs: Proofs | None) -> Promise | None:
    """None where the policy promises nothing of its router, or where no bundle is known."""
    objective = policy.spec.objective
    if objective is None or proofs is None or policy.spec.router.judge is not None:
        return None
    proof = proofs.get(policy.spec.router.name, _NOTHING)
    quality = objective.quality
    if quality is not None:
        at = (*SPEC, "objective", "quality")
        enough = [
            row
            for row in proof.certificates
            if row.retention >= quality.retention - EPSILON
            and row.confidence >= quality.confidence - EPSILON
        ]
        if any(row.own for row in enough):
            return Promise(PromiseReason.OWN_LABELS, at)
        hint = "`weir calibrate --retention ... --into BUNDLE` makes one from your labels"
        if enough:
            return Promise(PromiseReason.UNPROVEN, at)
        return Promise(PromiseReason.NO_CERTIFICATE, at, hint)
    if proof.fails and (objective.strong_share is not None or objective.threshold is not None):
        name = "threshold" if objective.strong_share is None else "strongShare"
        hint = f"{proof.labels} labels: {proof.gain:+.3f} of APGR; train on them, or use budget"
        return Promise(PromiseReason.NO_BETTER, (*SPEC, "objective", name), hint)
    return None


def _as_warning(message: str) -> str:
    """As a warning continues a line: in lower case, without the full stop."""
    return message[0].lower() + message[1:].removesuffix(".")
