"""Step 3: which candidates can serve a request at all, by capability and context window.

Must not know scores: what can't serve is out however good it would be.
"""

from weir_gateway.domain.decision import Excluded
from weir_gateway.domain.errors import BadRequest
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend
from weir_gateway.routing.compiled import CompiledPolicy

Fit = tuple[tuple[Backend, ...], tuple[Excluded, ...]]


def fit(compiled: CompiledPolicy, request: Request) -> Fit:
    """The candidates that can serve, weakest first and never none, and why the others can't.

    A prompt's tokens are estimated from above, so the context window only chooses between
    candidates: where none is wide enough the widest stays, and its provider has the last word.

    Raises BadRequest where no candidate has a capability that the request needs.
    """
    tokens = request.prompt_tokens + request.max_tokens
    if request.needs <= compiled.shared and tokens <= (compiled.narrowest or tokens):
        return compiled.policy.candidates, ()
    return _slowly(compiled, request, tokens)


def _slowly(compiled: CompiledPolicy, request: Request, tokens: int) -> Fit:
    candidates = compiled.policy.candidates
    lacks = {backend.id: _lacks(backend, request) for backend in candidates}
    able = [backend for backend in candidates if not lacks[backend.id]]
    if not able:
        raise _nobody(compiled, request)
    wide = [b for b in able if _wide_enough(b, tokens)]
    kept = wide or [max(able, key=lambda backend: backend.context_window)]
    excluded = tuple(
        Excluded(b.id, lacks[b.id] or f"context: {b.context_window} of about {tokens} tokens")
        for b in candidates
        if b not in kept
    )
    return tuple(kept), excluded


def _lacks(backend: Backend, request: Request) -> str:
    return ", ".join(sorted(request.needs - backend.capabilities))


def _wide_enough(backend: Backend, tokens: int) -> bool:
    return not backend.context_window or tokens <= backend.context_window


def _nobody(compiled: CompiledPolicy, request: Request) -> BadRequest:
    having = frozenset[str]().union(*(b.capabilities for b in compiled.policy.candidates))
    missing = sorted(request.needs - having)
    lacking = ", ".join(missing or sorted(request.needs))
    together = "" if missing else "together "
    return BadRequest(
        f"no candidate of policy {compiled.policy.id} has {together}{lacking}: send the request "
        "without it, or add the capability to a ModelBackend",
        code="capability_missing",
    )
