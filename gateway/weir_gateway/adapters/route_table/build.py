"""The published table as the gateway runs it: references looked up, secrets named, wires chosen.

A policy that can't run here is left out, or stays as it was last good; the others serve.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from weir_gateway.adapters.route_table.prices import price_of
from weir_gateway.domain import table as domain
from weir_gateway.domain.budget import Budget
from weir_gateway.domain.cache import CacheRules
from weir_gateway.domain.errors import BadTable
from weir_gateway.domain.limits import PolicyLimits
from weir_policy.ids import BackendId, ModelName, PolicyId, ProfileName
from weir_policy.spec import auth as auth_spec
from weir_policy.spec import backend as backend_spec
from weir_policy.spec import cache as cache_spec
from weir_policy.spec import limits as limits_spec
from weir_policy.spec import objective as objective_spec
from weir_policy.spec import policy as policy_spec
from weir_policy.spec import router as router_spec
from weir_policy.spec.limits import limits_of
from weir_policy.spec.session import Session
from weir_policy.spec.stage import STAGE_ROUTER, Stage
from weir_policy.table import BackendEntry, PolicyEntry, Table, TableError, decode
from weir_wires.registry import WIRES
from weir_wires.wire import Wire

OWN_WEIGHT: Final = 10  # of a backend's own endpoint, which its further ones are relative to
SESSION: Final = Session(sticky=None)
STAGE: Final = Stage(return_below=None, max_strong_usd=None, plan=None, swap_share=None)
PERIOD_SECONDS: Final = {"hour": 3_600, "day": 86_400, "month": 30 * 86_400}


@dataclass(frozen=True, slots=True)
class Built:
    """The table, and the policies that are not in it as published, with the reason for each."""

    table: domain.RouteTable
    refused: Mapping[PolicyId, str]


def read(text: bytes) -> Table:
    """The published table. Raises BadTable if this version can't read its form."""
    try:
        return decode(text)
    except TableError as error:
        raise BadTable(f"the route table is not valid: {error}") from error


def build(published: Table, previous: domain.RouteTable | None) -> Built:
    """What can be run of a published table. Refused policies stay as they are in `previous`.

    Raises BadTable if not one policy can run.
    """
    lacking = dict(published.refused_backends)
    for listed in published.backends:
        if listed.spec.wires and not _known_wires(listed.spec):
            names = ", ".join(listed.spec.wires)
            lacking[listed.id] = f"speaks {names}, which this version does not"
    backends = {e.id: _backend(e) for e in published.backends if e.id not in lacking}
    refused = dict(published.refused_policies)
    built: dict[PolicyId, domain.Policy] = {}
    for entry in published.policies:
        missing = _missing(entry, backends, lacking)
        if missing:
            refused[entry.id] = missing
        else:
            built[entry.id] = _policy(entry, backends)
    last_good = _last_good(refused, previous)
    for policy in last_good.values():
        backends = {candidate.id: candidate for candidate in policy.candidates} | backends
    policies = {**built, **last_good}
    order = [id_ for id_ in published.order if id_ in policies]
    if published.order and not order:
        first = published.order[0]
        raise BadTable(f"none of its policies can run: {first}: {refused[first]}", policy=first)
    table = domain.RouteTable(published.version, tuple(policies[id_] for id_ in order), backends)
    return Built(table, refused)


def _last_good(
    refused: Mapping[PolicyId, str], previous: domain.RouteTable | None
) -> dict[PolicyId, domain.Policy]:
    """The refused policies that serve already: they go on as they are."""
    policies = previous.policies if previous else ()
    return {policy.id: policy for policy in policies if policy.id in refused}


def _missing(
    entry: PolicyEntry,
    backends: Mapping[BackendId, domain.Backend],
    refused: Mapping[BackendId, str],
) -> str:
    """Why a backend of the policy can't be called; empty where all can."""
    for backend in _backend_ids(entry.spec):
        if backend in refused:
            return f"backend {backend} {refused[backend]}"
        if backend not in backends:
            return f"it names backend {backend}, which the table lacks"
    return ""


def _capabilities(spec: backend_spec.ModelBackendSpec) -> frozenset[backend_spec.Capability]:
    listed = spec.capabilities
    return backend_spec.TRIED if listed is None else frozenset(listed)


def _backend_ids(spec: policy_spec.RoutePolicySpec) -> Iterator[BackendId]:
    yield from (candidate.backend for candidate in spec.candidates)
    for judge in (spec.router.judge, spec.cascade and spec.cascade.judge):
        if judge:
            yield judge.backend
    yield from (path.backend for path in spec.passthrough)


def _backend(entry: BackendEntry) -> domain.Backend:
    spec = entry.spec
    usual = WIRES.usual(spec.protocol)
    wires = WIRES.spoken(WIRES.hosted(spec.protocol, _known_wires(spec) or {usual.wire}))
    tls = spec.tls
    client = tls.client_secret_ref if tls else None
    certificate, key = backend_spec.client_refs(client) if client else (None, None)
    backend = domain.Backend(
        id=entry.id,
        name=ModelName(entry.name),
        protocol=str(spec.protocol),
        endpoint=spec.endpoint,
        model=spec.model,
        auth=_auth(spec.auth, entry.namespace),
        price=price_of(spec.price),
        context_window=spec.context_window or 0,
        capabilities=_capabilities(spec),
        timeouts=spec.timeouts,
        profile=ProfileName(spec.profile_name),
        in_flight=spec.limits.in_flight or 0,
        spec=spec,
        limits=limits_of(spec.limits),
        ca=_ref(tls.ca_secret_ref if tls else None, entry.namespace),
        client_certificate=_ref(certificate, entry.namespace),
        client_key=_ref(key, entry.namespace),
        wires=wires,
        takes=WIRES.servable(wires),
        key_header=(spec.auth and spec.auth.header) or "",
        query=tuple((parameter.name, parameter.value) for parameter in spec.query),
        headers=tuple((header.name, header.value) for header in spec.headers),
        uid=entry.uid,
        generation=entry.generation,
        batches=spec.batches,
        retries=spec.retries,
        breaker=spec.breaker,
        queue=spec.queue,
        hedge=spec.hedge,
    )
    return replace(backend, endpoints=tuple(_endpoints(backend, entry)))


def _known_wires(spec: backend_spec.ModelBackendSpec) -> set[Wire]:
    """Those of its wires that this gateway knows; a newer operator may name others too."""
    return {wire for name in spec.wires if (wire := WIRES.named(name)) is not None}


def _endpoints(own: domain.Backend, entry: BackendEntry) -> Iterator[domain.Endpoint]:
    """All of them as backends of their own, its own the first; none where there are no others."""
    extras = entry.spec.endpoints
    if not extras:
        return
    yield domain.Endpoint(replace(own, id=BackendId(f"{own.id}#1")), OWN_WEIGHT)
    for number, extra in enumerate(extras, 2):
        auth = extra.auth
        backend = replace(
            own,
            id=BackendId(f"{own.id}#{number}"),
            endpoint=extra.endpoint or own.endpoint,
            auth=_auth(auth, entry.namespace) if auth else own.auth,
            key_header=(auth.header or "") if auth else own.key_header,
        )
        yield domain.Endpoint(backend, extra.weight)


def _auth(auth: auth_spec.Auth | None, namespace: str) -> domain.Auth:
    if auth is None:
        return None
    if auth.env is not None:
        return domain.FromEnvironment(auth.env)
    if auth.cloud is not None:
        # Where there are no secrets, equal identities of several namespaces are one.
        owner = namespace if any(auth_spec.cloud_refs(auth.cloud)) else ""
        return domain.CloudIdentity(auth.cloud, owner)
    return domain.Passthrough() if auth.passthrough else _ref(auth.secret_ref, namespace)


def _ref(ref: auth_spec.SecretKeyRef | None, namespace: str) -> domain.SecretRef | None:
    return domain.SecretRef(namespace, ref.name, ref.key) if ref else None


def _policy(entry: PolicyEntry, backends: Mapping[BackendId, domain.Backend]) -> domain.Policy:
    spec, session = entry.spec, entry.spec.session or SESSION
    stage = _stage(spec.router)
    return domain.Policy(
        id=entry.id,
        generation=entry.generation,
        models=spec.match.models,
        headers=tuple((header.name, header.value) for header in spec.match.headers),
        candidates=tuple(backends[candidate.backend] for candidate in spec.candidates),
        rules=tuple(
            domain.Rule(r.name, r.when, r.use, r.fallback is policy_spec.RuleFallback.NONE)
            for r in spec.rules
        ),
        router=spec.router.name if stage is None else stage.text,
        objective=_objective(spec.objective),
        variants=tuple(map(_variant, spec.variants)),
        on_scorer_failure=spec.failure_mode.scorer,
        upstream_order=spec.failure_mode.upstream,
        expose=spec.expose,
        mode=spec.mode,
        spec=spec,
        sticky=session.sticky or 0.0,
        probes=spec.probes,
        fallback_on=frozenset(spec.failure_mode.fallback_on),
        uid=entry.uid,
        cache=_cache(spec.cache),
        exploration=_exploration(spec.exploration),
        cascade=spec.cascade,
        finish_gate=spec.finish_gate,
        limits=_limits(spec.limits),
        when_limits_gone=spec.failure_mode.limits,
        judge=spec.router.judge,
        stage=stage,
        memory=session.memory,
        pins=frozenset(session.pin),
        pin_headers=session.pin_headers,
    )


def _stage(router: router_spec.Router) -> Stage | None:
    """Its settings, where the router is `stage`."""
    return (router.stage or STAGE) if router.name == STAGE_ROUTER else None


def _exploration(spec: policy_spec.Exploration | None) -> domain.Exploration | None:
    if spec is None:
        return None
    period = PERIOD_SECONDS[spec.budget.per]
    return domain.Exploration(spec.band, spec.share, spec.budget.usd, period)


def _variant(spec: router_spec.Variant) -> domain.Variant:
    router = spec.router.name if spec.router else None
    return domain.Variant(spec.name, spec.weight, router, _objective(spec.objective))


def _objective(spec: objective_spec.Objective | None) -> domain.Objective | None:
    if spec is None:
        return None
    if spec.threshold is not None:
        return domain.Threshold(spec.threshold, spec.unknown)
    if spec.strong_share is not None:
        return domain.StrongShare(spec.strong_share, spec.unknown)
    if spec.quality is not None:
        quality = spec.quality
        return domain.Retention(quality.retention, quality.confidence, spec.unknown)
    return _by_money(spec)


def _by_money(spec: objective_spec.Objective) -> domain.Objective | None:
    """The objectives that weigh prices."""
    if spec.value is not None:
        return domain.Value(spec.value.usd_per_point, spec.value.caution)
    budget = spec.budget
    if budget is None:
        return None
    return Budget(budget.usd, budget.per, budget.when_spent, budget.plan)


def _cache(spec: cache_spec.Cache | None) -> CacheRules | None:
    if spec is None:
        return None
    return CacheRules(
        exact=spec.exact.ttl if spec.exact else 0.0,
        semantic=spec.semantic.ttl if spec.semantic else 0.0,
        similarity=spec.semantic.similarity if spec.semantic else 0.0,
        scope=spec.scope,
        temperature=spec.temperature,
    )


def _limits(spec: limits_spec.PolicyLimits | None) -> PolicyLimits | None:
    if spec is None:
        return None
    return PolicyLimits(per_key=limits_of(spec.per_key), total=limits_of(spec.total))
