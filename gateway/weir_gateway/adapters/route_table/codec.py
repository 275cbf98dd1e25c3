"""weir.routing.v1.RouteTable as the domain's, and from its JSON. Refuses what can't be served.

Must not know where a table comes from.
"""

from google.protobuf import json_format

from weir_gateway.adapters.providers.credentials import Secret
from weir_gateway.adapters.route_table import resilience_codec
from weir_gateway.adapters.route_table.cache_codec import cache_rules
from weir_gateway.adapters.route_table.cascade_codec import cascade, judge
from weir_gateway.adapters.route_table.limits_codec import backend_limits, policy_limits, when_gone
from weir_gateway.domain import table as domain
from weir_gateway.domain.budget import Budget, Period, Plan, WhenSpent
from weir_gateway.domain.errors import BadTable
from weir_gateway.domain.ids import (
    BackendId,
    ModelName,
    PolicyId,
    ProfileName,
    RouterName,
    TableVersion,
)
from weir_gateway.domain.money import PicoUsd, Price
from weir_proto.routing.v1 import routetable_pb2 as pb
from weir_wires.registry import WIRES
from weir_wires.wire import Wire

MILLIS = 1000
PICO_PER_MICRO = 10**6
CONNECT_MS = 2_000
FIRST_TOKEN_MS = 30_000
IDLE_MS = 60_000
TOTAL_MS = 600_000
_CAPABILITIES = {
    pb.CAPABILITY_TOOLS: domain.Capability.TOOLS,
    pb.CAPABILITY_VISION: domain.Capability.VISION,
    pb.CAPABILITY_JSON_SCHEMA: domain.Capability.JSON_SCHEMA,
    pb.CAPABILITY_STATE: domain.Capability.STATE,
}
_PROTOCOLS = {
    pb.PROTOCOL_OPENAI: "openai",
    pb.PROTOCOL_ANTHROPIC: "anthropic",
}
_SCORER_FAILURES = {
    pb.SCORER_FAILURE_UNSPECIFIED: domain.ScorerFailure.WEAK,
    pb.SCORER_FAILURE_WEAK: domain.ScorerFailure.WEAK,
    pb.SCORER_FAILURE_STRONG: domain.ScorerFailure.STRONG,
    pb.SCORER_FAILURE_REJECT: domain.ScorerFailure.REJECT,
}
_PERIODS = {
    pb.PERIOD_HOUR: Period.HOUR,
    pb.PERIOD_DAY: Period.DAY,
    pb.PERIOD_MONTH: Period.MONTH,
}
_MODES = {
    pb.MODE_UNSPECIFIED: domain.Mode.ENFORCE,
    pb.MODE_ENFORCE: domain.Mode.ENFORCE,
    pb.MODE_SHADOW: domain.Mode.SHADOW,
}


def from_json(text: bytes) -> pb.RouteTable:
    """Read the JSON form. Raises BadTable; fields of a newer operator are passed over."""
    if not text.lstrip().startswith(b"{"):  # the library takes [] and "" for an empty table
        raise BadTable("the route table is not valid: it must be a JSON object")
    try:
        return json_format.Parse(text, pb.RouteTable(), ignore_unknown_fields=True)
    except (json_format.ParseError, UnicodeDecodeError) as error:
        raise BadTable(f"the route table is not valid: {error}") from error


def to_json(message: pb.RouteTable) -> bytes:
    """The JSON form, without the secrets' values."""
    bare = pb.RouteTable()
    bare.CopyFrom(message)
    bare.ClearField("credentials")
    return json_format.MessageToJson(bare, indent=None).encode()


def credentials(message: pb.RouteTable) -> dict[domain.SecretRef, Secret]:
    """The secrets a streamed table carries."""
    return {_ref(c.ref): Secret(c.value) for c in message.credentials}


def decode(message: pb.RouteTable) -> domain.RouteTable:
    """The domain's table. Raises BadTable naming the policy or backend at fault."""
    backends = {backend.id: backend for backend in map(_backend, message.backends)}
    return domain.RouteTable(
        version=TableVersion(message.version),
        policies=tuple(_policy(policy, backends) for policy in message.policies),
        backends=backends,
    )


def _backend(message: pb.Backend) -> domain.Backend:
    if message.protocol not in _PROTOCOLS:
        raise BadTable(f"backend {message.id} has a protocol that this gateway doesn't know")
    protocol = _PROTOCOLS[message.protocol]
    usual = WIRES.usual(protocol)
    wires = _wires(message) if message.wires else WIRES.spoken({usual.wire})
    price = message.price
    mutual = message.HasField("client_certificate") and message.HasField("client_key")
    backend = domain.Backend(
        id=BackendId(message.id),
        name=ModelName(message.name),
        protocol=protocol,
        endpoint=message.endpoint,
        model=message.model,
        auth=_auth(message.auth),
        price=Price(price.input, price.output, price.cached_input, price.cache_write),
        context_window=message.context_window,
        capabilities=frozenset(
            _CAPABILITIES[value] for value in message.capabilities if value in _CAPABILITIES
        ),
        timeouts=_timeouts(message.timeouts),
        profile=ProfileName(message.profile),
        in_flight=message.limits.in_flight,
        limits=backend_limits(message.limits),
        ca=_ref(message.ca) if message.HasField("ca") else None,
        client_certificate=_ref(message.client_certificate) if mutual else None,
        client_key=_ref(message.client_key) if mutual else None,
        wires=wires,
        takes=WIRES.servable(wires),
        version_path=usual.version_path,
        key_header=message.auth.header,
        query=tuple((setting.name, setting.value) for setting in message.query),
        headers=tuple((setting.name, setting.value) for setting in message.headers),
        uid=message.uid,
        generation=message.generation,
        batches=_batches(message),
    )
    return resilience_codec.with_resilience(backend, message, _auth)


def _batches(message: pb.Backend) -> domain.Batches | None:
    if not message.HasField("batches"):
        return None
    return domain.Batches(discount=message.batches.discount or domain.BATCHES.discount)


def _wires(message: pb.Backend) -> frozenset[Wire]:
    """Those of its wires that this gateway knows; a newer operator may name others too."""
    known = {wire for name in message.wires if (wire := WIRES.named(name)) is not None}
    if not known:
        names = ", ".join(message.wires)
        raise BadTable(f"backend {message.id} speaks {names}, which this gateway does not")
    return WIRES.spoken(known)


def _timeouts(message: pb.Timeouts) -> domain.Timeouts:
    """As told; those a table written by hand leaves out are what the resources' defaults say."""
    return domain.Timeouts(
        connect=(message.connect_ms or CONNECT_MS) / MILLIS,
        first_token=(message.first_token_ms or FIRST_TOKEN_MS) / MILLIS,
        idle=(message.idle_ms or IDLE_MS) / MILLIS,
        total=(message.total_ms or TOTAL_MS) / MILLIS,
    )


def _auth(message: pb.Auth) -> domain.Auth:
    match message.WhichOneof("source"):
        case "secret":
            return _ref(message.secret)
        case "env":
            return domain.FromEnvironment(message.env)
        case "passthrough":
            return domain.Passthrough() if message.passthrough else None
        case _:
            return None


def _ref(message: pb.SecretRef) -> domain.SecretRef:
    return domain.SecretRef(message.namespace, message.name, message.key)


def _policy(message: pb.Policy, backends: dict[BackendId, domain.Backend]) -> domain.Policy:
    expose = message.expose
    bounds = expose.client_threshold
    return domain.Policy(
        id=PolicyId(message.id),
        generation=message.generation,
        models=tuple(map(ModelName, message.match.models)),
        headers=tuple((header.name, header.value) for header in message.match.headers),
        candidates=tuple(_candidate(id_, message, backends) for id_ in message.candidates),
        rules=tuple(
            domain.Rule(rule.name, rule.when, BackendId(rule.use), rule.no_fallback)
            for rule in message.rules
        ),
        router=RouterName(message.router),
        objective=_objective(message.objective, message),
        variants=tuple(_variant(one, message) for one in message.variants),
        on_scorer_failure=_SCORER_FAILURES[message.failure_mode.scorer],
        upstream_order=tuple(map(BackendId, message.failure_mode.upstream)),
        expose=domain.Expose(
            score=expose.score,
            route=expose.route,
            direct=expose.direct,
            client_threshold=domain.ClientThreshold(bounds.min, bounds.max)
            if expose.HasField("client_threshold")
            else None,
        ),
        mode=_MODES[message.mode],
        sticky=message.sticky_ms / MILLIS,
        probes=tuple(domain.Probe(p.prompt, BackendId(p.expect)) for p in message.probes),
        fallback_on=resilience_codec.fallback_on(message.failure_mode),
        uid=message.uid,
        cache=cache_rules(message),
        exploration=_exploration(message),
        cascade=cascade(message),
        limits=policy_limits(message),
        when_limits_gone=when_gone(message.failure_mode),
        judge=judge(message.judge) if message.HasField("judge") else None,
    )


def _exploration(policy: pb.Policy) -> domain.Exploration | None:
    if not policy.HasField("exploration"):
        return None
    message = policy.exploration
    if not (0 < message.band <= 1 and 0 < message.share < 1 and message.period_s):
        raise BadTable(
            f"policy {policy.id} has an exploration without band, share or period",
            policy=PolicyId(policy.id),
        )
    return domain.Exploration(
        band=message.band,
        share=message.share,
        budget=PicoUsd(message.budget_micro_usd * PICO_PER_MICRO),
        period=message.period_s,
    )


def _candidate(
    id_: str, policy: pb.Policy, backends: dict[BackendId, domain.Backend]
) -> domain.Backend:
    backend = backends.get(BackendId(id_))
    if backend is None:
        raise BadTable(
            f"policy {policy.id} names {id_}, which the table lacks", policy=PolicyId(policy.id)
        )
    return backend


def _budget(message: pb.Budget, policy: pb.Policy) -> Budget:
    if message.per not in _PERIODS or message.micro_usd <= 0:
        raise BadTable(f"policy {policy.id} has no valid budget", policy=PolicyId(policy.id))
    reject = message.when_spent == pb.WHEN_SPENT_REJECT
    even = message.plan == pb.SPENDING_PLAN_EVEN
    return Budget(
        PicoUsd(message.micro_usd * PICO_PER_MICRO),
        _PERIODS[message.per],
        WhenSpent.REJECT if reject else WhenSpent.WEAKEST,
        Plan.EVEN if even else Plan.TRAFFIC,
    )


def _variant(message: pb.Variant, policy: pb.Policy) -> domain.Variant:
    if not message.weight:
        raise BadTable(f"policy {policy.id} has a variant without weight", policy=_id(policy))
    own = message.HasField("objective")
    return domain.Variant(
        name=message.name,
        weight=message.weight,
        router=RouterName(message.router) if message.HasField("router") else None,
        objective=_objective(message.objective, policy) if own else None,
    )


def _id(policy: pb.Policy) -> PolicyId:
    return PolicyId(policy.id)


def _objective(message: pb.Objective, policy: pb.Policy) -> domain.Objective | None:
    match message.WhichOneof("kind"):
        case "threshold":
            return domain.Threshold(message.threshold)
        case "strong_share":
            return domain.StrongShare(message.strong_share)
        case "quality":
            return domain.Retention(message.quality.retention, message.quality.confidence)
        case "budget":
            return _budget(message.budget, policy)
        case _ if len(policy.candidates) == 1:
            return None
        case _:
            raise BadTable(f"policy {policy.id} has no objective", policy=PolicyId(policy.id))
