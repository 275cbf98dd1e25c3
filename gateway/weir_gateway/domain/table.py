"""The route table as the gateway runs it: one immutable snapshot, swapped whole.

`adapters/route_table/build.py` makes it from what the operator publishes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from weir_gateway.domain.budget import Budget
from weir_gateway.domain.cache import CacheRules
from weir_gateway.domain.limits import PolicyLimits
from weir_gateway.domain.money import Price
from weir_policy.ids import (
    BackendId,
    ModelName,
    PicoUsd,
    PolicyId,
    ProfileName,
    RouterName,
    TableVersion,
)
from weir_policy.spec.auth import CloudSpec, cloud_refs
from weir_policy.spec.backend import Batches, Capability, ModelBackendSpec, Timeouts
from weir_policy.spec.cascade import Cascade, Judge
from weir_policy.spec.finish_gate import FinishGate
from weir_policy.spec.limits import Limits, LimitsFailure
from weir_policy.spec.objective import UnknownPrompts
from weir_policy.spec.policy import Expose, FailureMode, Mode, Probe, RoutePolicySpec, ScorerFailure
from weir_policy.spec.resilience import Breaker, FallbackOn, Hedge, Queue, Retries
from weir_policy.spec.stage import Stage
from weir_wires.wire import Wire


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A key of a secret; its value lives in the credential store, never in the table."""

    namespace: str
    name: str
    key: str


@dataclass(frozen=True, slots=True)
class FromEnvironment:
    """The credential is the gateway's own environment variable (file form only)."""

    variable: str


@dataclass(frozen=True, slots=True)
class Passthrough:
    """The client's own Authorization goes upstream."""


@dataclass(frozen=True, slots=True)
class CloudIdentity:
    """An identity of a cloud: its token, or its signature, goes with every call."""

    spec: CloudSpec
    namespace: str = ""  # of the secrets that `spec` refers to; empty where there are none

    @property
    def secrets(self) -> Mapping[str, SecretRef]:
        """The secrets, by the field that refers to them."""
        return {
            name: SecretRef(self.namespace, ref.name, ref.key)
            for name, ref in cloud_refs(self.spec)
        }


RETRIES, BREAKER, QUEUE = Retries(), Breaker(), Queue()
FALLBACK_DEFAULT = frozenset(FailureMode().fallback_on)

Auth = SecretRef | FromEnvironment | Passthrough | CloudIdentity | None


@dataclass(frozen=True, slots=True)
class Backend:
    """One model behind one provider endpoint."""

    id: BackendId
    name: ModelName
    protocol: str  # the provider's family, for telemetry; its usual wire is in weir_wires
    endpoint: str  # the provider SDK's base_url, without a trailing slash
    model: str  # the provider's id for the model
    auth: Auth
    price: Price
    context_window: int  # tokens; 0: unknown
    capabilities: frozenset[Capability]
    timeouts: Timeouts
    profile: ProfileName
    in_flight: int  # 0: unbounded
    spec: ModelBackendSpec  # as it is published: what calls the backend reads its fields here
    ca: SecretRef | None = None
    uid: str = ""  # of the resource; empty from files
    generation: int = 0
    client_certificate: SecretRef | None = None  # with client_key, or neither
    client_key: SecretRef | None = None
    wires: frozenset[Wire] = frozenset({Wire.OPENAI_CHAT})  # what its endpoint speaks
    takes: frozenset[Wire] = frozenset({Wire.OPENAI_CHAT})  # clients' wires it can serve
    key_header: str = ""  # carries the bare key; empty: as the wire has it
    query: tuple[tuple[str, str], ...] = ()  # in the URL of every call
    headers: tuple[tuple[str, str], ...] = ()  # with every call; never secret
    endpoints: tuple["Endpoint", ...] = ()  # where calls really go; none: to itself
    retries: Retries = RETRIES
    breaker: Breaker = BREAKER
    queue: Queue = QUEUE
    hedge: Hedge | None = None  # None: no request is called twice
    batches: Batches | None = None  # None: its provider's batches are not used
    limits: Limits = ()  # what it is asked at most, over all gateways


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One of several endpoints or keys behind a backend, as a backend of its own to be called."""

    backend: Backend  # its id is the backend's and a number: `ns/name#2`
    weight: int  # share of the calls, relative to the others'


@dataclass(frozen=True, slots=True)
class Rule:
    """`when` is CEL over the request's facts; the first rule that holds decides, before scoring."""

    name: str
    when: str
    use: BackendId
    no_fallback: bool = False  # where `use` fails no other candidate is tried


@dataclass(frozen=True, slots=True)
class Threshold:
    """Strong iff score >= value."""

    value: float
    unknown: UnknownPrompts | None = None  # where unknown prompts go; None: by their score


@dataclass(frozen=True, slots=True)
class StrongShare:
    """Strong for this share (0,1) of the policy's scored requests."""

    share: float
    unknown: UnknownPrompts | None = None  # as above


@dataclass(frozen=True, slots=True)
class Retention:
    """Keep this share of the strong model's quality, with this confidence."""

    retention: float
    confidence: float
    unknown: UnknownPrompts | None = None  # as above


@dataclass(frozen=True, slots=True)
class Value:
    """The predicted quality that is worth most after its price."""

    point: PicoUsd  # what one percentage point of quality is worth
    caution: int = 1  # standard errors that are taken off a prediction


Objective = Threshold | StrongShare | Retention | Budget | Value


@dataclass(frozen=True, slots=True)
class Exploration:
    """Near the threshold a share of requests goes the other way, for what it may cost."""

    band: float  # (0,1]: how far from the threshold a score may be
    share: float  # (0,1) of the requests within it
    budget: PicoUsd  # beyond the usual choice, estimated, in ...
    period: float  # ... so many seconds


@dataclass(frozen=True, slots=True)
class Variant:
    """The policy with another router or objective, for a share of its conversations."""

    name: str
    weight: int  # of the sum of all variants' weights
    router: RouterName | None = None  # None: the policy's
    objective: Objective | None = None  # None: the policy's


@dataclass(frozen=True, slots=True)
class Policy:
    """Which requests it serves, which models compete, how one is chosen."""

    id: PolicyId
    generation: int
    models: tuple[ModelName, ...]
    headers: tuple[tuple[str, str], ...]  # all must hold; names in lower case
    candidates: tuple[Backend, ...]  # weakest first
    rules: tuple[Rule, ...]
    router: RouterName
    objective: Objective | None  # None where there is one candidate
    on_scorer_failure: ScorerFailure
    upstream_order: tuple[BackendId, ...]  # who is tried when the chosen one fails
    expose: Expose
    mode: Mode
    spec: RoutePolicySpec  # as it is published: a step reads a field of the policy here
    probes: tuple[Probe, ...] = ()
    sticky: float = 0.0  # seconds a conversation stays with its model; 0: not at all
    fallback_on: frozenset[FallbackOn] = FALLBACK_DEFAULT  # what the next in the order may mend
    uid: str = ""  # another one of the same name has another; empty from files
    variants: tuple[Variant, ...] = ()  # none: every request is decided alike
    limits: PolicyLimits | None = None  # None: nothing is limited
    when_limits_gone: LimitsFailure = LimitsFailure.OPEN
    cache: CacheRules | None = None  # None: no answer is given twice
    exploration: Exploration | None = None  # None: every choice is certain
    cascade: Cascade | None = None  # None: the chosen candidate answers unchecked
    finish_gate: FinishGate | None = None  # None: no finished run is scored
    judge: Judge | None = None  # scores prompts, where the router is `judge`
    stage: Stage | None = None  # the router is `stage`; `router` is the one that scores texts
    memory: float = 3600.0  # seconds a conversation is remembered after its last request
    pins: frozenset[str] = frozenset()  # rules that hold for the rest of a conversation
    pin_headers: tuple[str, ...] = ()  # whose last value does; names in lower case

    @property
    def remembers(self) -> bool:
        """Whether anything is remembered of its conversations."""
        of_agents = self.stage is not None or self.finish_gate is not None
        return of_agents or bool(self.pins or self.pin_headers)


@dataclass(frozen=True, slots=True)
class RouteTable:
    """All policies in match order and all backends by id."""

    version: TableVersion
    policies: tuple[Policy, ...]
    backends: Mapping[BackendId, Backend]
