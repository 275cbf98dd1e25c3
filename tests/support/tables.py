"""The gateway's values with everything filled in, so that a test says what it is about."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from support import resources as documents
from weir_gateway.domain.money import Price
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend, Objective, Policy, RouteTable, Rule, Threshold
from weir_policy.facts import Facts
from weir_policy.fields.composite import Object
from weir_policy.fields.kinds import Bad
from weir_policy.fields.shapes import Shape
from weir_policy.ids import BackendId, ModelName, PolicyId, ProfileName, RouterName, TableVersion
from weir_policy.spec.backend import Capability, ModelBackendSpec, Timeouts
from weir_policy.spec.cascade import AnswerCheck, Cascade
from weir_policy.spec.policy import Expose, Mode, RoutePolicySpec, ScorerFailure
from weir_wires.wire import Wire

S = TypeVar("S", bound=Shape)


def _read(kind: Object[S], document: documents.Wire) -> S:
    spec = kind.read(document["spec"], (), [])
    assert not isinstance(spec, Bad)
    return spec


POLICY = _read(Object(RoutePolicySpec), documents.policy())
BACKEND = _read(Object(ModelBackendSpec), documents.backend())


def backend(
    name: str,
    *,
    price: float = 1.0,
    capabilities: Sequence[Capability] = (),
    context_window: int = 0,
    endpoint: str = "http://127.0.0.1:9/v1",
) -> Backend:
    """A backend `shop/<name>`; `price` is USD per million tokens, in and out alike."""
    micro = int(price * 1_000_000)
    return Backend(
        id=BackendId(f"shop/{name}"),
        name=ModelName(name),
        protocol="openai",
        endpoint=endpoint,
        model=name,
        auth=None,
        price=Price(input=micro, output=micro, cached_input=micro, cache_write=micro),
        context_window=context_window,
        capabilities=frozenset(capabilities),
        timeouts=Timeouts(connect=1, first_token=5, idle=5, total=30),
        profile=ProfileName(name),
        in_flight=0,
        spec=BACKEND,
    )


WEAK = backend("weak", price=1.0)
STRONG = backend("strong", price=10.0)


def cascade(accept: float, check: AnswerCheck | None = None) -> Cascade:
    """A cascade that accepts by `check`, or by the router's confidence alone."""
    return Cascade(accept=accept, judge=None, check=check, skip_above=None)


def policy(  # noqa: PLR0913 - a maker names every field a test may change
    name: str = "chat",
    *,
    models: Sequence[str] = ("auto",),
    headers: Mapping[str, str] | None = None,
    candidates: Sequence[Backend] = (WEAK, STRONG),
    rules: Sequence[Rule] = (),
    objective: Objective = Threshold(0.6),  # noqa: B008 - frozen
    router: str = "",
    on_scorer_failure: ScorerFailure = ScorerFailure.WEAK,
    upstream_order: Sequence[str] = (),
    expose: Expose = Expose(client_threshold=None),  # noqa: B008 - frozen
    mode: Mode = Mode.ENFORCE,
) -> Policy:
    """A policy `shop/<name>` of weak and strong with the threshold .6, but for what is said."""
    return Policy(
        id=PolicyId(f"shop/{name}"),
        generation=1,
        models=tuple(ModelName(model) for model in models),
        headers=tuple((headers or {}).items()),
        candidates=tuple(candidates),
        rules=tuple(rules),
        router=RouterName(router),
        objective=objective,
        on_scorer_failure=on_scorer_failure,
        upstream_order=tuple(BackendId(f"shop/{b}") for b in upstream_order),
        expose=expose,
        mode=mode,
        spec=POLICY,
    )


def rule(name: str, when: str, use: str) -> Rule:
    """A rule that uses `shop/<use>`."""
    return Rule(name=name, when=when, use=BackendId(f"shop/{use}"))


def table(*policies: Policy, version: str = "v1") -> RouteTable:
    """A table of these policies and every backend they name as a candidate."""
    backends = {b.id: b for policy_ in policies for b in policy_.candidates}
    return RouteTable(version=TableVersion(version), policies=policies, backends=backends)


FACTS = Facts(
    model="auto",
    stream=False,
    turns=1,
    messages=1,
    chars=5,
    tools=0,
    images=0,
    json_schema=False,
    max_tokens=0,
    temperature=1.0,
    user="",
    headers={},
    text="hello",
)


def request(
    text: str = "hello",
    *,
    model: str = "auto",
    headers: Mapping[str, str] | None = None,
    needs: Sequence[Capability] = (),
    prompt_tokens: int = 10,
    max_tokens: int = 0,
    facts: Facts | None = None,
) -> Request:
    """A chat request with one user turn."""
    body = b'{"model":"auto"}'
    return Request(
        wire=Wire.OPENAI_CHAT,
        body=body,
        model=ModelName(model),
        model_span=(9, 15),
        stream=False,
        headers=headers or {},
        scored_text=text,
        facts=facts or replace(FACTS, model=model, text=text, chars=len(text)),
        needs=frozenset(needs),
        prompt_tokens=prompt_tokens,
        max_tokens=max_tokens,
    )
