"""Send to the chosen candidate, and to the next one if it fails before its first byte.

The order is the policy's failureMode.upstream, without the backends that can't serve the request.
Each backend is tried once, after the failures that failureMode.fallbackOn lists. A backend that is
skipped because its breaker is open is tried last, if no other is left. There is no fallback for a
direct call, in which the client chose the model, nor for a rule that forbids it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from weir_gateway.domain.decision import Reason, RouteDecision
from weir_gateway.domain.errors import CannotCarry, UpstreamError, UpstreamFailure
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend, Passthrough
from weir_gateway.routing.account import DecisionRecorder
from weir_gateway.routing.policy.compiled import CompiledPolicy
from weir_gateway.routing.replies import Sent, Upstreams
from weir_policy.spec.resilience import FallbackOn

Failure = UpstreamError | CannotCarry


@dataclass(frozen=True, slots=True)
class Dispatched:
    """A reply and the decision that it belongs to, which a fallback changes."""

    reply: Sent
    decision: RouteDecision


async def dispatch(
    request: Request,
    decision: RouteDecision,
    policy: CompiledPolicy | None,
    upstreams: Upstreams,
    recorder: DecisionRecorder,
) -> Dispatched:
    """Send `request` as decided.

    Raises the last candidate's UpstreamError when every backend that may be tried has failed;
    CannotCarry, with the client's field, when no wire of theirs can carry it.
    """
    current = decision
    failed: Failure | None = None
    passed_over: RouteDecision | None = None
    left = tuple(fallbacks(decision, policy))
    while True:
        try:
            return Dispatched(await upstreams.send(current.chosen, request), current)
        except (UpstreamError, CannotCarry) as error:
            failed = _error_to_raise(failed, error)
            if _breaker_open(error):
                passed_over = passed_over or current
            left = _remaining(error, current.chosen, left, policy)
            if not left:
                break
            current = _falling_back(current, left[0], error)
            left = left[1:]
            recorder.fell_back(request, current)
    if passed_over is None:
        raise failed
    reply = await upstreams.send(passed_over.chosen, request, last_resort=True)
    return Dispatched(reply, passed_over)


def _error_to_raise(before: Failure | None, error: Failure) -> Failure:
    """Of two failures return the newer, unless it only says that nothing was sent."""
    if before is None or (isinstance(error, UpstreamError) and not _breaker_open(error)):
        return error
    return before


def _breaker_open(error: Failure) -> bool:
    return isinstance(error, UpstreamError) and error.failure is UpstreamFailure.OPEN


def _remaining(
    error: Failure, failed: Backend, left: tuple[Backend, ...], policy: CompiledPolicy | None
) -> tuple[Backend, ...]:
    """The backends to try after `error`: none if the policy does not fall back on it."""
    kind = error.kind if isinstance(error, UpstreamError) else FallbackOn.CANNOT_CARRY
    if policy is None or kind not in policy.policy.fallback_on:
        return ()
    if kind is FallbackOn.AUTH and isinstance(failed.auth, Passthrough):
        return ()  # the client's own key: only the client can mend it
    if kind is FallbackOn.CONTEXT_LENGTH:
        return tuple(backend for backend in left if _wider(backend, failed))
    return left


def _wider(backend: Backend, than: Backend) -> bool:
    """Whether the backend's context window may be the larger one; unknown windows may be."""
    known = backend.context_window and than.context_window
    return not known or backend.context_window > than.context_window


def _falling_back(decision: RouteDecision, to: Backend, error: Failure) -> RouteDecision:
    label = error.label if isinstance(error, UpstreamError) else error.code
    return replace(decision, chosen=to, reason=Reason.FALLBACK, detail=label)


def fallbacks(decision: RouteDecision, policy: CompiledPolicy | None) -> Iterator[Backend]:
    """Yield the backends to try after the chosen one, in order."""
    if policy is None or decision.reason is Reason.DIRECT or decision.is_pinned(policy.policy):
        return
    tried = {decision.chosen.id, *(excluded.backend for excluded in decision.excluded)}
    for backend in policy.fallbacks:
        if backend.id not in tried:
            tried.add(backend.id)
            yield backend
