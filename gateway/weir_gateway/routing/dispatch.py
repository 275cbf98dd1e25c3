"""Step 6: send to the chosen candidate, and to the next where it fails before its first byte.

The order is the policy's failureMode.upstream, less what can't serve the request; each backend is
tried once. A direct call has no fallback: the client named its model. Must not know wires.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from weir_gateway.domain.decision import Reason, RouteDecision
from weir_gateway.domain.errors import CannotCarry, UpstreamError
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend
from weir_gateway.routing.compiled import CompiledPolicy
from weir_gateway.routing.ports import Accounts, Reply, Upstreams


@dataclass(frozen=True, slots=True)
class Dispatched:
    """An answer on its way, and the decision as it stands now: a fallback changes it."""

    reply: Reply
    decision: RouteDecision


async def dispatch(
    request: Request,
    decision: RouteDecision,
    policy: CompiledPolicy | None,
    upstreams: Upstreams,
    accounts: Accounts,
) -> Dispatched:
    """Send `request` as decided.

    Raises the last candidate's UpstreamError when all that may be tried have failed; CannotCarry,
    naming the client's field, where none was asked because none has a place for it.
    """
    current = decision
    failed: UpstreamError | CannotCarry | None = None
    left = _fallbacks(decision, policy)
    while True:
        try:
            return Dispatched(await upstreams.send(current.chosen, request), current)
        except (UpstreamError, CannotCarry) as error:
            if failed is None or isinstance(error, UpstreamError):
                failed = error
            following = next(left, None)
            if following is None:
                raise failed from None
            current = _falling_back(current, following, error)
            accounts.fell_back(request, current)


def _falling_back(
    decision: RouteDecision, to: Backend, error: UpstreamError | CannotCarry
) -> RouteDecision:
    label = error.label if isinstance(error, UpstreamError) else error.code
    return replace(decision, chosen=to, reason=Reason.FALLBACK, detail=label)


def _fallbacks(decision: RouteDecision, policy: CompiledPolicy | None) -> Iterator[Backend]:
    if policy is None or decision.reason is Reason.DIRECT:
        return
    tried = {decision.chosen.id, *(excluded.backend for excluded in decision.excluded)}
    for backend in policy.fallbacks:
        if backend.id not in tried:
            tried.add(backend.id)
            yield backend
