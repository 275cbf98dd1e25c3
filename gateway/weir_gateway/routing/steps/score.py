"""Score the prompt, and find the threshold that the policy's objective asks for."""

from dataclasses import replace

from weir_gateway.domain.budget import Budget
from weir_gateway.domain.decision import Scored
from weir_gateway.domain.errors import BadRequest, NoSuchRouter, ScorerUnavailable
from weir_gateway.domain.ids import BundleVersion
from weir_gateway.domain.table import (
    Objective,
    Policy,
    Retention,
    StrongShare,
    Threshold,
    Value,
)
from weir_gateway.routing.budget.pacing import FIRST_SHARE
from weir_gateway.routing.context import RoutingContext
from weir_gateway.routing.policy.compiled import PolicyMatch
from weir_gateway.routing.ports import ScoreQuery, Scorer
from weir_gateway.routing.prefix import SharedPrefixes

TWO = 2  # candidates that one threshold can tell apart


async def score_prompt(
    scorer: Scorer,
    context: RoutingContext,
    match: PolicyMatch,
    prefixes: SharedPrefixes | None,
    *,
    want_embedding: bool,
) -> Scored | ScorerUnavailable:
    """The score of the user's last turn, or why there is none: the policy's failureMode decides.

    A request without any text of the user (tool results alone, an empty turn) scores 0 by
    definition, and the scorer is not called. `prefixes` know what the policy's prompts share at
    their start, which is not scored; None: everything is. Raises BadRequest where the client named
    a router that the bundle lacks.
    """
    request, policy = context.request, match.policy.policy
    router = match.router if match.router is not None else policy.router
    if not request.prompt_known:
        return ScorerUnavailable("the request came without its body, so there is no prompt")
    if not request.scored_text:
        bundle = scorer.bundle or BundleVersion("")
        return Scored(0.0, {}, bundle, router, calibration=scorer.calibration(router))
    skipped = _skipped(prefixes, context, policy)
    query = ScoreQuery(
        text=request.scored_text[skipped:] if skipped else request.scored_text,
        router=router,
        timeout=context.score_timeout,
        want_quality=match.threshold is None and by_quality(policy),
        want_embedding=want_embedding,
        trace=context.trace,
        earlier=request.earlier,
    )
    try:
        scored = await scorer.score(query)
    except NoSuchRouter as error:
        if match.router is None:
            return error
        raise BadRequest(error.message, param="model", code=error.code) from error
    except ScorerUnavailable as error:
        return error
    return replace(scored, skipped=skipped) if skipped else scored


def _skipped(prefixes: SharedPrefixes | None, context: RoutingContext, policy: Policy) -> int:
    """How many characters at the prompt's start are not scored; what is served is learned from."""
    if prefixes is None:
        return 0
    text = context.request.scored_text
    if context.purpose.dispatches:
        prefixes.observe(policy.id, text)
    return prefixes.skipped(policy.id, text)


def by_quality(policy: Policy) -> bool:
    """Whether the candidates are told apart by predicted quality rather than by one threshold."""
    if isinstance(policy.objective, Value):
        return True
    by_price = isinstance(policy.objective, (Retention, Budget))
    return by_price and len(policy.candidates) > TWO


def threshold(scored: Scored, matched: PolicyMatch) -> float:
    """The score from which on the strong candidate is chosen.

    Raises ScorerUnavailable where it needs a calibration that the scorer did not report.
    """
    if matched.threshold is not None:
        return matched.threshold
    resolved = _resolved(scored, matched.policy.policy.objective)
    if resolved is None:
        raise ScorerUnavailable(f"the scorer gave no calibration of router {scored.router!r}")
    return resolved


def _resolved(scored: Scored, objective: Objective | None) -> float | None:
    match objective:
        case Threshold(value):
            return value
        case StrongShare(share):
            return scored.calibration.threshold_for_share(share)
        case Retention():
            return scored.calibration.threshold_for_retention(objective)
        case Budget():  # as at its very first request: nothing is known of what was spent
            return scored.calibration.threshold_for_share(FIRST_SHARE)
        case Value():
            return None  # by predicted quality
        case None:
            return None  # one candidate needs no score
