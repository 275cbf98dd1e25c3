"""Pick a candidate by threshold or by predicted quality.

By threshold: the last candidate if score >= threshold, else the first (RouteLLM's semantics). By
predicted quality, for three candidates and more: the cheapest whose predicted quality reaches the
required share of the best predicted one.
"""

from collections.abc import Mapping, Sequence

from weir_gateway.domain.table import Backend
from weir_policy.ids import BackendId, PicoUsd
from weir_policy.spec.policy import ScorerFailure

# Tokens an answer is taken to have when costs are compared and the client's cap is not lower. The
# same for every candidate, so it only sets how much output prices weigh against input prices.


def by_threshold(servable: Sequence[Backend], score: float, threshold: float) -> Backend:
    """The strongest iff `score` >= `threshold`, else the weakest."""
    return servable[-1] if score >= threshold else servable[0]


def by_quality(
    servable: Sequence[Backend],
    quality: Mapping[str, float],
    retention: float,
    estimates: Mapping[BackendId, PicoUsd],
) -> Backend | None:
    """The cheapest candidate predicted to keep `retention` (0,1] of the best predicted quality.

    Of equally cheap ones the better, then the weaker in the policy's order. A candidate whose
    profile the bundle lacks is never chosen this way; None where no candidate has one.
    """
    known = [b for b in servable if b.profile in quality]
    if not known:
        return None
    enough = retention * max(quality[b.profile] for b in known)
    good = [b for b in known if quality[b.profile] >= enough]
    return min(good, key=lambda b: (estimates[b.id], -quality[b.profile]))


def without_score(servable: Sequence[Backend], failure: ScorerFailure) -> Backend | None:
    """Who answers when there is no score; None where the policy rejects."""
    match failure:
        case ScorerFailure.WEAK:
            return servable[0]
        case ScorerFailure.STRONG:
            return servable[-1]
        case ScorerFailure.REJECT:
            return None
