"""ModelBackend: one model behind one provider endpoint. The declaration and nothing else."""

from enum import StrEnum
from typing import ClassVar, Final, TypeVar

from weir_policy.fields.composite import ITSELF, List, Object
from weir_policy.fields.formats import (
    CATALOG_NAME,
    DURATION,
    ENDPOINT,
    HEADER,
    HEADER_VALUE,
    MODEL,
    MODEL_ID,
    NAME,
    NAMESPACE_OR_ALL,
    QUERY_NAME,
    QUERY_VALUE,
    SHARE,
    text,
)
from weir_policy.fields.kinds import Choice, OneOf
from weir_policy.fields.shapes import Check, defaulted, optional, required, shape
from weir_policy.ids import ModelName
from weir_policy.spec.auth import Auth, SecretKeyRef
from weir_policy.spec.limits import COUNT, DIMENSIONS, add_limit_fields
from weir_policy.spec.price import Price
from weir_policy.spec.request import RequestChanges
from weir_policy.spec.resilience import Breaker, ExtraEndpoint, Hedge, Queue, Retries
from weir_wires.registry import WIRES

# What HTTP and the gateway decide themselves, and what would be a secret in plain sight.
RESERVED_HEADERS = (
    "^(?i)(accept-encoding|api-key|authorization|connection|content-.*|cookie|expect|host|"
    "keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|x-api-key|x-goog-api-key)$"
)
T = TypeVar("T")


class Protocol(StrEnum):
    """The wire a backend speaks."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    BEDROCK = "bedrock"
    VERTEX = "vertex"


class Capability(StrEnum):
    """What a request may need of a model."""

    TOOLS = "tools"
    VISION = "vision"
    JSON_SCHEMA = "jsonSchema"
    STATE = "state"


# What a model is tried with where its capabilities are not listed. State is not tried: a request
# that names an answer of one provider would fail at every other.
TRIED: Final = frozenset({Capability.TOOLS, Capability.VISION, Capability.JSON_SCHEMA})


class OnDisconnect(StrEnum):
    """What becomes of a stream whose client leaves."""

    ABORT = "abort"
    FINISH = "finish"


@shape
class QueryParameter:
    """A parameter in the URL of every call, such as `api-version`."""

    name: str = required(QUERY_NAME, "Its name.")
    value: str = required(QUERY_VALUE, "Its value, never a secret.")


@shape
class ExtraHeader:
    """A header of every call, in place of the client's own of that name."""

    CHECKS: ClassVar = (
        Check(
            f"!self.name.matches({RESERVED_HEADERS!r})",
            "is the gateway's own or carries secrets; a key goes in auth",
            "name",
        ),
    )

    name: str = required(HEADER, "The header.")
    value: str = required(HEADER_VALUE, "Its value, never a secret.")


def _with_backend_limits(cls: type[T]) -> type[T]:
    rows = (row for row in DIMENSIONS if row.backend_sentence)
    return add_limit_fields(cls, ((row, row.backend_sentence) for row in rows))


@shape
@_with_backend_limits
class Limits:
    """What the gateway sends to this backend at most."""

    in_flight: int | None = optional(COUNT, "Concurrent requests, per gateway.")


@shape
class Timeouts:
    """How long the backend may take before the gateway gives up or tries the next."""

    connect: float = defaulted(DURATION, "To connect, TLS included.", default="2s")
    first_token: float = defaulted(
        DURATION,
        "From sending the request to a stream's first byte; for whole answers `total` applies.",
        default="30s",
    )
    idle: float = defaulted(DURATION, "Between two chunks of an answer.", default="60s")
    total: float = defaulted(DURATION, "For the whole answer, retries included.", default="10m")


@shape
class Batches:
    """The provider takes many requests as one batch, answers within hours, and asks less for it."""

    discount: float = defaulted(SHARE, "The provider's discount for batches.", default="50%")


@shape
class SecretNameRef:
    """A Secret of type kubernetes.io/tls in the ModelBackend's own namespace."""

    name: str = required(NAME, "The Secret; its keys are tls.crt and tls.key.")


def client_refs(ref: SecretNameRef) -> tuple[SecretKeyRef, SecretKeyRef]:
    """Where a kubernetes.io/tls Secret has its certificate and its key."""
    certificate = SecretKeyRef(name=ref.name, key="tls.crt")
    return certificate, SecretKeyRef(name=ref.name, key="tls.key")


@shape
class Tls:
    """How the endpoint's certificate is checked, and by which one the gateway is known there."""

    CHECKS: ClassVar = (
        Check(
            "has(self.caSecretRef) || has(self.clientSecretRef)",
            "write caSecretRef, clientSecretRef or both",
        ),
    )

    ca_secret_ref: SecretKeyRef | None = optional(
        Object(SecretKeyRef),
        "A PEM bundle of certificate authorities to trust for this endpoint, and no others.",
    )
    client_secret_ref: SecretNameRef | None = optional(
        Object(SecretNameRef),
        "The gateway's own certificate and key for this endpoint (mutual TLS).",
    )


@shape
class ModelBackendSpec:
    """One model behind one provider endpoint."""

    CHECKS: ClassVar = (
        Check(
            "has(self.model) && self.model != '' || has(self.catalog)",
            "is required, or write catalog",
            "model",
        ),
    )

    protocol: Protocol = required(Choice(Protocol), "The wire that the endpoint speaks.")
    endpoint: str = required(
        ENDPOINT,
        "What the provider's own SDK takes as base_url: with /v1 for openai, without for "
        "anthropic and gemini. On a cluster it may not name the loopback, a link-local or a "
        "metadata address.",
    )
    wires: tuple[str, ...] = defaulted(
        List(OneOf(WIRES.listed), at_most=8, unique=ITSELF),
        "What the endpoint speaks; a request on another wire is translated if possible. Not "
        "set: chat for openai, messages for anthropic, gemini for gemini and vertex, converse "
        "for bedrock.",
        default=[],
    )
    catalog: str | None = optional(
        CATALOG_NAME,
        "The model in the price catalog, such as `openai/gpt-5-mini`: it fills `model`, `price`, "
        "`contextWindow` and `capabilities` where they are not written.",
    )
    model: str = defaulted(
        MODEL_ID,
        "The provider's id for the model; required unless `catalog` is written.",
        default="",
    )
    aliases: tuple[ModelName, ...] = defaulted(
        List(MODEL, at_most=16, unique=ITSELF),
        "More names that clients may write for it, where a policy says `expose: {direct: true}`.",
        default=[],
    )
    auth: Auth | None = optional(
        Object(Auth),
        "How the gateway authenticates: exactly one of these. Not set: no authentication.",
    )
    query: tuple[QueryParameter, ...] = defaulted(
        List(Object(QueryParameter), at_most=16, unique="name"),
        "Parameters in the URL of every call.",
        default=[],
    )
    headers: tuple[ExtraHeader, ...] = defaulted(
        List(Object(ExtraHeader), at_most=16, unique="name"),
        "Headers of every call, never secret.",
        default=[],
    )
    request: RequestChanges = defaulted(
        Object(RequestChanges),
        "What is changed in every request to this backend, in the fields of the wire that it "
        "speaks; translated requests and batches too.",
        default={},
        feature="request",
    )
    price: Price = defaulted(
        Object(Price),
        "What the provider charges; prices of tokens are in USD per million.",
        default={},
    )
    context_window: int | None = optional(
        COUNT,
        "Tokens of prompt and answer together; a longer request is not sent here. Not set: no "
        "filter.",
    )
    capabilities: tuple[Capability, ...] | None = optional(
        List(Choice(Capability), at_most=8, unique=ITSELF),
        "What the model can do: all of it, so a candidate without what a request needs is "
        "filtered out. `state`: the endpoint stores answers and conversations for later "
        "requests. Not set: unknown, so requests are tried, but for those that need `state`.",
    )
    limits: Limits = defaulted(
        Object(Limits), "The most that gateways send here. Not set: unbounded.", default={}
    )
    timeouts: Timeouts = defaulted(Object(Timeouts), "How long the backend may take.", default={})
    endpoints: tuple[ExtraEndpoint, ...] = defaulted(
        List(Object(ExtraEndpoint), at_most=16),
        "More endpoints or keys for the same model at the same price. Of two that are drawn at "
        "random, the less loaded and healthier one is called.",
        default=[],
    )
    retries: Retries = defaulted(
        Object(Retries), "Retries of calls that failed before their first byte.", default={}
    )
    breaker: Breaker = defaulted(
        Object(Breaker), "When calls to an endpoint stop, and for how long.", default={}
    )
    queue: Queue = defaulted(
        Object(Queue), "How requests wait when `limits.inFlight` is reached.", default={}
    )
    hedge: Hedge | None = optional(
        Object(Hedge), "A second call when the first token is late. Not set: never."
    )
    batches: Batches | None = optional(
        Object(Batches),
        "The endpoint has its provider's batch API (OpenAI's files and batches, Anthropic's "
        "message batches), and items of `/v1/batches` go there as one batch. Not set: one by "
        "one.",
    )
    on_disconnect: OnDisconnect = defaulted(
        Choice(OnDisconnect),
        "What becomes of a stream whose client leaves. `abort`: the call is cancelled; its cost is "
        "estimated where no usage was told. `finish`: the rest is read, within `timeouts` and "
        "16 MiB, for the exact usage.",
        default="abort",
    )
    tls: Tls | None = optional(
        Object(Tls),
        "How the endpoint's certificate is checked. Not set: with the system's authorities.",
    )
    profile: str | None = optional(
        text("profile", 253),
        "The quality profile in the scorer's bundle. Not set: `model`, or `model@effort` where "
        "`request.set` sets an effort.",
    )
    allowed_namespaces: tuple[str, ...] = defaulted(
        List(NAMESPACE_OR_ALL, at_most=64, unique=ITSELF),
        "The other namespaces whose policies may use this backend; `*` is every namespace. Its "
        "own always may.",
        default=[],
    )

    @property
    def profile_name(self) -> str:
        """The profile it competes with; a model that thinks harder has other qualities."""
        effort = self.request.effort
        return self.profile or (f"{self.model}@{effort}" if effort else self.model)
