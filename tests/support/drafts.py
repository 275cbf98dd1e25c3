"""Policies and backends as users write them, to be changed before they are published as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast

from support.resources import Wire, changed
from weir_policy.fields.composite import Object
from weir_policy.fields.kinds import Bad
from weir_policy.fields.mistakes import Mistake
from weir_policy.fields.shapes import Shape
from weir_policy.ids import TableVersion
from weir_policy.reading.parse import parse
from weir_policy.reading.resources import Meta, ModelBackend, RoutePolicy
from weir_policy.spec.backend import ModelBackendSpec
from weir_policy.spec.policy import RoutePolicySpec
from weir_policy.table import backend_entry, build, encode, policy_entry
from weir_proto.routing.v2 import routetable_pb2 as pb

S = TypeVar("S", bound=Shape)
POLICY = Object(RoutePolicySpec)
BACKEND = Object(ModelBackendSpec)


@dataclass
class Draft:
    """One document."""

    document: Wire

    @property
    def spec(self) -> Wire:
        """Its spec, to be changed in place."""
        return cast("Wire", self.document["spec"])

    @property
    def name(self) -> str:
        """The resource's name."""
        return cast("dict[str, str]", self.document["metadata"])["name"]

    @property
    def meta(self) -> Meta:
        """Who it is."""
        meta = parse(self.document).meta
        assert meta is not None
        return meta

    def set(self, path: str, value: object) -> "Draft":
        """Write `value` at `a.b` of the spec; gives the draft itself."""
        self.document = changed(self.document, f"spec.{path}", value)
        return self


@dataclass
class TableDraft:
    """A table's documents, the policies in match order."""

    backends: list[Draft]
    policies: list[Draft] = field(default_factory=list[Draft])
    version: str = "v1"

    def to_json(self) -> bytes:
        """The table as an operator publishes it, under the draft's version.

        Rules between fields are not checked: an operator of another version may have others.
        """
        policies = (RoutePolicy(d.meta, _read(POLICY, d)) for d in self.policies)
        backends = (ModelBackend(d.meta, _read(BACKEND, d)) for d in self.backends)
        table, _ = build(map(policy_entry, policies), map(backend_entry, backends))
        return encode(replace(table, version=TableVersion(self.version)))

    def message(self, credentials: Sequence[pb.Credential] = ()) -> pb.RouteTable:
        """The table in its envelope, as it goes over the stream."""
        return pb.RouteTable(version=self.version, table=self.to_json(), credentials=credentials)


def as_written(limits: Mapping[str, int]) -> Wire:
    """Limits as a policy writes them: `micro_usd_per_day=5` is `usdPerDay: "0.000005"`."""
    return dict(_limit(name, amount) for name, amount in limits.items())


def _limit(name: str, amount: int) -> tuple[str, object]:
    head, *rest = name.replace("micro_usd", "usd").split("_")
    written = head + "".join(map(str.capitalize, rest))
    return written, f"{amount / 1e6:.6f}" if "micro_usd" in name else amount


def _read(kind: Object[S], draft: Draft) -> S:
    mistakes: list[Mistake] = []
    spec = kind.read(draft.spec, (), mistakes)
    assert not isinstance(spec, Bad), mistakes
    return spec
