"""ModelBackend: one model behind one provider endpoint. The declaration and nothing else."""

from enum import StrEnum
from typing import ClassVar

from weir_policy.fields.composite import ITSELF, List, Object
from weir_policy.fields.formats import (
    DURATION,
    ENDPOINT,
    HEADER,
    HEADER_VALUE,
    NAME,
    NAMESPACE_OR_ALL,
    QUERY_NAME,
    QUERY_VALUE,
    SHARE,
    USD_PER_MILLION_TOKENS,
    text,
)
from weir_policy.fields.kinds import Choice, OneOf, Whole
from weir_policy.fields.shapes import Check, defaulted, optional, required, shape
from weir_policy.spec.auth import Auth, SecretKeyRef
from weir_policy.spec.resilience import Breaker, ExtraEndpoint, Hedge, Queue, Retries
from weir_wires.registry import WIRES

# What HTTP and the gateway decide themselves, and what would be a secret in plain sight.
RESERVED_HEADERS = (
    "^(?i)(accept-encoding|api-key|authorization|connection|content-.*|cookie|expect|host|"
    "keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|x-api-key)$"
)
COUNT = Whole(at_least=1, at_most=4_000_000_000)


class Protocol(StrEnum):
    """The wire a backend speaks."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"


class Capability(StrEnum):
    """What a request may need of a model."""

    TOOLS = "tools"
    VISION = "vision"
    JSON_SCHEMA = "jsonSchema"
    STATE = "state"


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


@shape
class Price:
    """What the provider charges, in USD per million tokens."""

    input: int = defaulted(USD_PER_MILLION_TOKENS, "Prompt tokens.", default="0")
    output: int = defaulted(USD_PER_MILLION_TOKENS, "Answer tokens.", default="0")
    cached_input: int | None = optional(
        USD_PER_MILLION_TOKENS,
        "Prompt tokens read from the provider's cache; where not set, as `input`.",
    )
    cache_write: int | None = optional(
        USD_PER_MILLION_TOKENS,
        "Prompt tokens written to the provider's cache; where not set, as `input`.",
    )


@shape
class Limits:
    """What the gateway sends to this backend at most."""

    in_flight: int | None = optional(COUNT, "Requests at once, per gateway.")
    requests_per_minute: int | None = optional(
        COUNT,
        "Requests in any sixty seconds, over all gateways; more count as a failure of kind "
        "rateLimit, so that another candidate may answer.",
    )
    tokens_per_minute: int | None = optional(
        COUNT, "Prompt and answer tokens in any sixty seconds, likewise."
    )


@shape
class Timeouts:
    """How long the backend may take before the gateway gives up or tries the next."""

    connect: float = defaulted(DURATION, "To connect, TLS included.", default="2s")
    first_token: float = defaulted(
        DURATION,
        "From the request sent to a stream's first byte; whole answers have total.",
        default="30s",
    )
    idle: float = defaulted(DURATION, "Between two chunks of an answer.", default="60s")
    total: float = defaulted(DURATION, "For the whole answer.", default="10m")


@shape
class Batches:
    """The provider takes many requests as one batch, answers within hours, and asks less for it."""

    discount: float = defaulted(
        SHARE, "The share of the price that it takes off for batches.", default="50%"
    )


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

    protocol: Protocol = required(Choice(Protocol), "The wire that the endpoint speaks.")
    endpoint: str = required(
        ENDPOINT,
        "What the provider's own SDK takes as base_url: with /v1 for openai, without for "
        "anthropic. On a cluster it may not name the loopback, a link-local or a metadata address.",
    )
    wires: tuple[str, ...] = defaulted(
        List(OneOf(WIRES.listed), at_most=8, unique=ITSELF),
        "What the endpoint speaks; a request on another wire is translated where that can be. Not "
        "set: chat for openai, messages for anthropic.",
        default=[],
    )
    model: str = required(text("model id", 253), "The provider's id for the model.")
    auth: Auth | None = optional(
        Object(Auth), "How the gateway authenticates; exactly one way. Not set: not at all."
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
    price: Price = defaulted(
        Object(Price), "What the provider charges, in USD per million tokens.", default={}
    )
    context_window: int | None = optional(
        COUNT,
        "Tokens that prompt and answer may have together; a request that is surely longer is not "
        "sent here. Not set: never filtered on.",
    )
    capabilities: tuple[Capability, ...] = defaulted(
        List(Choice(Capability), at_most=8, unique=ITSELF),
        "What the model can do. A candidate that lacks what a request needs is filtered out. "
        "`state` says that the endpoint keeps answers and conversations for later requests.",
        default=[],
    )
    limits: Limits = defaulted(
        Object(Limits), "What the gateway sends here at most; not set: unbounded.", default={}
    )
    timeouts: Timeouts = defaulted(Object(Timeouts), "How long the backend may take.", default={})
    endpoints: tuple[ExtraEndpoint, ...] = defaulted(
        List(Object(ExtraEndpoint), at_most=16),
        "Further endpoints or keys that serve the same model at the same price. The less loaded "
        "and healthier of two drawn at random is called.",
        default=[],
    )
    retries: Retries = defaulted(
        Object(Retries), "Calls that failed before their first byte, made again.", default={}
    )
    breaker: Breaker = defaulted(
        Object(Breaker), "When an endpoint is left alone, and for how long.", default={}
    )
    queue: Queue = defaulted(
        Object(Queue), "Who waits where `limits.inFlight` is reached.", default={}
    )
    hedge: Hedge | None = optional(
        Object(Hedge), "A second call where the first token is late. Not set: never."
    )
    batches: Batches | None = optional(
        Object(Batches),
        "The endpoint has its provider's batches (OpenAI's files and batches, Anthropic's message "
        "batches): what `/v1/batches` sends here goes as one. Not set: request by request.",
    )
    tls: Tls | None = optional(
        Object(Tls),
        "How the endpoint's certificate is checked; not set: by the system's authorities.",
    )
    profile: str | None = optional(
        text("profile", 253), "The quality profile in the scorer's bundle; not set: `model`."
    )
    allowed_namespaces: tuple[str, ...] = defaulted(
        List(NAMESPACE_OR_ALL, at_most=64, unique=ITSELF),
        "The other namespaces whose policies may use this backend; * is every namespace. Its own "
        "always may.",
        default=[],
    )
