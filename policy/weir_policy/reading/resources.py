"""Whole resources: who they are (kind, namespace, name, age) and what they say."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from weir_policy.fields.mistakes import Mistake
from weir_policy.spec.backend import ModelBackendSpec
from weir_policy.spec.policy import RoutePolicySpec

GROUP = "weir.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
DEFAULT_NAMESPACE = "default"


class ResourceKind(StrEnum):
    """The kinds that Weir reads."""

    POLICY = "RoutePolicy"
    BACKEND = "ModelBackend"
    SECRET = "Secret"  # noqa: S105 - a kind's name


@dataclass(frozen=True, slots=True, order=True)
class ResourceRef:
    """Which resource."""

    kind: ResourceKind
    namespace: str
    name: str

    @property
    def id(self) -> str:
        """`namespace/name`, as the route table calls it."""
        return f"{self.namespace}/{self.name}"

    def __str__(self) -> str:
        """As people read it: `RoutePolicy shop/chat`."""
        return f"{self.kind} {self.id}"


@dataclass(frozen=True, slots=True)
class Meta:
    """Who a resource is. From files the generation is 0 and the age unknown."""

    ref: ResourceRef
    generation: int = 0
    created: str = ""  # RFC 3339 in UTC, to the second: text order is age order
    uid: str = ""


@dataclass(frozen=True, slots=True)
class RoutePolicy:
    """A policy as its user wrote it, defaults filled in."""

    meta: Meta
    spec: RoutePolicySpec


@dataclass(frozen=True, slots=True)
class ModelBackend:
    """A backend as its user wrote it, defaults filled in."""

    meta: Meta
    spec: ModelBackendSpec


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret's keys and values. The values never show in its repr."""

    meta: Meta
    values: Mapping[str, bytes] = field(repr=False)


Resource = RoutePolicy | ModelBackend | Secret


@dataclass(frozen=True, slots=True)
class Invalid:
    """A resource with mistakes in what is written."""

    meta: Meta
    mistakes: tuple[Mistake, ...]
    partial: Resource | None = None  # what can be read in spite of them


@dataclass(frozen=True, slots=True)
class Resources:
    """All there is, in no particular order; no two share a ref."""

    policies: tuple[RoutePolicy, ...] = ()
    backends: tuple[ModelBackend, ...] = ()
    secrets: tuple[Secret, ...] = ()
    invalid: tuple[Invalid, ...] = ()
    unreadable: frozenset[tuple[str, str]] = frozenset()  # Secrets that may not be read


def gather(resources: Iterable[Resource], invalid: Iterable[Invalid] = ()) -> Resources:
    """The same resources, by kind."""
    resources = tuple(resources)
    return Resources(
        tuple(r for r in resources if isinstance(r, RoutePolicy)),
        tuple(r for r in resources if isinstance(r, ModelBackend)),
        tuple(r for r in resources if isinstance(r, Secret)),
        tuple(invalid),
    )
