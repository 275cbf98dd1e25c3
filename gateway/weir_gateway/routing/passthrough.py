"""Calls that a policy passes through: admitted by key and limits, accounted like a request."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from weir_gateway.domain.decision import Reason, RouteDecision
from weir_gateway.domain.request import ClientKey, Request
from weir_gateway.domain.table import Backend, RouteTable
from weir_gateway.routing.policy.compiled import CompiledTable, PassthroughRoute, PolicyMatch
from weir_gateway.routing.policy.match import authorize, headers_hold
from weir_gateway.routing.ports import Ids
from weir_gateway.routing.steps.limit import Limiter
from weir_policy.facts import Facts
from weir_policy.ids import ModelName
from weir_wires.wire import Wire

PASSTHROUGH: Final = Wire("weir.passthrough", operation="passthrough")
ONE_TOKEN: Final = 1  # what limits reserve for the answer: its length is not known


@dataclass(frozen=True, slots=True)
class PassthroughCall:
    """What is read of a call; its body passes unread."""

    method: str
    path: str
    headers: Mapping[str, str]  # the client's, names in lower case
    key: ClientKey | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCall:
    """One call to a backend's own API."""

    method: str
    path: str  # as the client wrote it, encoded
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes | AsyncIterator[bytes] | None


class ProviderAnswer(Protocol):
    """An answer whose head has come."""

    @property
    def status(self) -> int:
        """Its status, 2xx."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """What the client gets of its headers, names in lower case."""
        ...

    def chunks(self) -> AsyncGenerator[bytes]:
        """Yield the body, then close. Raises UpstreamError."""
        ...

    def close(self) -> None:
        """Release the connection."""
        ...


class ProviderApi(Protocol):
    """Makes calls to backends' own APIs."""

    async def call(self, backend: Backend, call: ProviderCall) -> ProviderAnswer:
        """Return once the answer's head has come. Raises UpstreamError for any but 2xx."""
        ...


def find(compiled: CompiledTable, call: PassthroughCall) -> PassthroughRoute | None:
    """The policy and backend that `call` goes to.

    None where no policy names the path, or the one that does asks for other headers.
    """
    route = compiled.passthroughs.find(call.method, call.path)
    if route is None or not headers_hold(route.policy.policy, as_request(call)):
        return None
    return route


async def admit(
    limiter: Limiter, ids: Ids, route: PassthroughRoute, call: PassthroughCall, table: RouteTable
) -> RouteDecision:
    """Check key and limits. Raises NotPermitted, LimitReached, BudgetExceeded, LimitsUnknown."""
    match = PolicyMatch(route.policy)
    if call.key is not None:
        authorize(match, call.key)
    request = as_request(call)
    admission = await limiter.check(match, request)
    return RouteDecision(
        id=ids(),
        policy=route.policy.policy.id,
        chosen=route.backend,
        baseline=route.backend,
        reason=Reason.PASSTHROUGH,
        table=table.version,
        detail=route.path,
        admission=admission,
    )


def as_request(call: PassthroughCall) -> Request:
    """The call as limits, ledger and metrics see it: a request of no text for the path."""
    model = ModelName(call.path)
    return Request(
        wire=PASSTHROUGH,
        body=b"",
        model=model,
        model_span=(0, 0),
        stream=False,
        headers=call.headers,
        scored_text="",
        facts=Facts(model),
        needs=frozenset(),
        prompt_tokens=0,
        max_tokens=ONE_TOKEN,
        key=call.key,
    )
