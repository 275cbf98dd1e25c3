"""Filter the candidates that can serve a request, by wire, capability and context window."""

from weir_gateway.domain.decision import Excluded
from weir_gateway.domain.errors import BadRequest
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend
from weir_gateway.routing.policy.compiled import CompiledPolicy
from weir_policy.spec.backend import Capability

Fit = tuple[tuple[Backend, ...], tuple[Excluded, ...]]


def filter_candidates(compiled: CompiledPolicy, request: Request) -> Fit:
    """The candidates that can serve, weakest first and never none, and why the others can't.

    A prompt's tokens are estimated from above, so the context window only chooses between
    candidates: where none is wide enough the widest stays, and its provider has the last word.

    Raises BadRequest where no candidate serves the request's wire or has a capability it needs.
    """
    tokens = request.prompt_tokens + request.max_tokens
    simple = request.wire in compiled.takes and request.needs <= compiled.shared
    if simple and not request.untranslated and tokens <= (compiled.narrowest or tokens):
        return compiled.policy.candidates, ()
    return _slowly(compiled, request, tokens)


def _slowly(compiled: CompiledPolicy, request: Request, tokens: int) -> Fit:
    candidates = compiled.policy.candidates
    lacks = {backend.id: _lacks(backend, request) for backend in candidates}
    able = [backend for backend in candidates if not lacks[backend.id]]
    if not able:
        raise _none_can_serve(compiled, request)
    wide = [b for b in able if _wide_enough(b, tokens)]
    servable = wide or [max(able, key=lambda backend: backend.context_window)]
    excluded = tuple(
        Excluded(b.id, lacks[b.id] or f"context: {b.context_window} of about {tokens} tokens")
        for b in candidates
        if b not in servable
    )
    return tuple(servable), excluded


def _lacks(backend: Backend, request: Request) -> str:
    wire = [] if takes(backend, request) else [request.wire.short]
    return ", ".join([*wire, *sorted(request.needs - backend.capabilities)])


def takes(backend: Backend, request: Request) -> bool:
    """Whether `backend` can serve the request's wire."""
    return request.wire in (backend.wires if request.untranslated else backend.takes)


def _wide_enough(backend: Backend, tokens: int) -> bool:
    return not backend.context_window or tokens <= backend.context_window


def unservable_fallbacks(
    compiled: CompiledPolicy, request: Request, ordered: Backend
) -> tuple[Excluded, ...]:
    """Who can't serve, should the backend that a rule ordered fail; it itself is obeyed."""
    try:
        _, excluded = filter_candidates(compiled, request)
    except (
        BadRequest
    ):  # no fallback can: the rule stands, and its backend's own error is the answer
        return ()
    return tuple(one for one in excluded if one.backend != ordered.id)


def not_served(request: Request, who: str) -> BadRequest:
    """No candidate speaks the request's wire, or one that it can be translated to."""
    return BadRequest(
        f"{who} serves {request.wire.short}: ask another model, or name a ModelBackend whose "
        "spec.wires has it",
        param="model",
        code="capability_missing",
    )


def no_state(subject: str) -> BadRequest:
    """The request refers to state at a provider, and no candidate keeps state."""
    return BadRequest(
        f"{subject} state between requests, which `previous_response_id`, `conversation`, "
        "`background` and item references need: send the whole conversation, or add the "
        "capability `state` to a ModelBackend that speaks responses",
        param="previous_response_id",
        code="capability_missing",
    )


def _none_can_serve(compiled: CompiledPolicy, request: Request) -> BadRequest:
    if not any(takes(backend, request) for backend in compiled.policy.candidates):
        return not_served(request, f"no candidate of policy {compiled.policy.id}")
    having = frozenset[str]().union(*(b.capabilities for b in compiled.policy.candidates))
    if Capability.STATE in request.needs - having:
        return no_state(f"no candidate of policy {compiled.policy.id} keeps")
    missing = sorted(request.needs - having)
    lacking = ", ".join(missing or sorted(request.needs))
    together = "" if missing else "together "
    return BadRequest(
        f"no candidate of policy {compiled.policy.id} has {together}{lacking}: send the request "
        "without it, or add the capability to a ModelBackend",
        code="capability_missing",
    )
