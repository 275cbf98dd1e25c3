"""Match a request to its policy, and check that its client key may use that policy.

Policies match by `model` and headers, in table order. A name that a policy lists comes first, then
RouteLLM's `router-<router>-<threshold>`, then a backend's own name, then patterns, the most
specific one first.
"""

import re
from collections.abc import Iterable

from weir_gateway.domain.errors import BadRequest, NoPolicy, NotPermitted
from weir_gateway.domain.request import ClientKey, Request
from weir_gateway.domain.table import Policy
from weir_gateway.routing.policy.compiled import CompiledPolicy, CompiledTable, PolicyMatch
from weir_policy.ids import RouterName

PREFIX = "router-"
SHOWN = 100  # characters of a client's `model` that an error repeats

_ROUTER_AND_THRESHOLD = re.compile(
    r"router-(?P<router>\w+(?:[.-]\w+)*)-(?P<threshold>\d+\.?\d*|\.\d+)", re.ASCII
)


def match_policy(compiled: CompiledTable, request: Request) -> PolicyMatch:
    """The policy that serves `request`.

    Raises NoPolicy where none does, and BadRequest for a client threshold that is malformed or out
    of the policy's bounds.
    """
    model = request.model
    return (
        _first(compiled.by_model.get(model, ()), request)
        or (_client_threshold(compiled, request) if model.startswith(PREFIX) else None)
        or _first(compiled.by_backend.get(model, ()), request)
        or _first(compiled.by_pattern.find(model), request)
        or _nothing(compiled, request)
    )


def _first(found: Iterable[PolicyMatch], request: Request) -> PolicyMatch | None:
    for matched in found:
        if headers_hold(matched.policy.policy, request):
            return matched
    return None


def headers_hold(policy: Policy, request: Request) -> bool:
    """Whether the request has every header the policy asks for, with exactly its value."""
    if not policy.headers:  # most policies ask for none
        return True
    return all(request.headers.get(name) == value for name, value in policy.headers)


def _client_threshold(compiled: CompiledTable, request: Request) -> PolicyMatch | None:
    for policy in compiled.client_threshold:
        if headers_hold(policy.policy, request):
            return _within_bounds(policy, request)
    return None


def _within_bounds(compiled: CompiledPolicy, request: Request) -> PolicyMatch:
    bounds = compiled.policy.expose.client_threshold
    parsed = _ROUTER_AND_THRESHOLD.fullmatch(request.model)
    threshold = float(parsed["threshold"]) if parsed else None
    if bounds is None or parsed is None or threshold is None:
        raise BadRequest(
            f"model {_shown(request)} is not router-<router>-<threshold>: write for example "
            "router-mf-0.5",
            param="model",
            code="invalid_client_threshold",
        )
    if not bounds.min <= threshold <= bounds.max:
        raise BadRequest(
            f"the threshold {threshold:g} is out of bounds: this policy takes "
            f"{bounds.min:g} to {bounds.max:g}",
            param="model",
            code="client_threshold_out_of_bounds",
        )
    return PolicyMatch(compiled, router=RouterName(parsed["router"]), threshold=threshold)


def _nothing(compiled: CompiledTable, request: Request) -> PolicyMatch:
    raise NoPolicy(
        f"no policy serves the model {_shown(request)} for this request: write one of "
        f"{compiled.known_models or '(the route table is empty)'}; GET /v1/models lists them",
        param="model",
    )


def _shown(request: Request) -> str:
    return repr(str(request.model[:SHOWN]))


def authorize(matched: PolicyMatch, key: ClientKey) -> None:
    """Raise NotPermitted, saying what the key may not, where it doesn't."""
    policy = matched.policy.policy.id
    if not key.may_use(policy):
        raise NotPermitted(f"the key {key.name} may not use policy {policy}", param="model")
    if matched.direct is not None and not key.direct:
        raise NotPermitted(
            f"the key {key.name} may not call models by their own names", param="model"
        )
    if matched.threshold is not None and not key.client_threshold:
        raise NotPermitted(f"the key {key.name} may not choose the threshold", param="model")
