"""Tables of an older and of a newer operator, as this gateway reads them, and the other way round.

`route_tables/` keeps what former versions wrote: v1 is protobuf's JSON, as Weir 0.1 wrote it; v2
is from before `failureMode.fallbackOn` told quota and overload apart.
"""

import dataclasses
import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

from support.resources import Wire, backend, policy
from weir_gateway.adapters.route_table.build import Built, build, read
from weir_gateway.domain.errors import BadTable
from weir_operator.plan.check import Form
from weir_operator.plan.compile import compile_table
from weir_policy.fields.composite import Object
from weir_policy.fields.kinds import Flag
from weir_policy.fields.shapes import defaulted, optional, shape
from weir_policy.ids import PolicyId
from weir_policy.reading.parse import parse
from weir_policy.reading.resources import gather
from weir_policy.table import FORMAT, decode, features
from weir_proto.routing.v2 import routetable_pb2 as pb

TABLES = Path(__file__).parent / "route_tables"
GOLDEN = TABLES / "v3.json"
KEPT = ("v2.json", "v3.json")


def _written() -> bytes:
    """A table with a little of everything, as this operator writes it."""
    documents = [
        backend("weak", hedge={}, batches={}, capabilities=["tools"]),
        backend("strong", protocol="anthropic", auth={"env": "KEY"}, price={"input": "2.5"}),
        policy(
            rules=[{"name": "tools", "when": "request.tools > 0", "use": "strong"}],
            failureMode={"upstream": ["strong"]},
            session={"sticky": "10m"},
            cache={"exact": {"ttl": "1h"}, "temperature": "any"},
            limits={"perKey": {"requestsPerMinute": 5, "usdPerDay": "0.5"}},
            exploration={"band": "0.1", "share": "5%", "budget": {"usd": "1", "per": "day"}},
            variants=[{"name": "a", "weight": 1, "router": {"name": "mf"}}],
            probes=[{"prompt": "hi", "expect": "weak"}],
        ),
        policy("other", match={"models": ["other"]}, objective={"strongShare": "20%"}),
    ]
    parsed = [parse(document) for document in documents]
    assert [mistake for one in parsed for mistake in one.mistakes] == []
    plan = compile_table(gather([p.resource for p in parsed if p.resource]), Form.FILE)
    assert plan.problems == ()
    return plan.table_json + b"\n"


def _changed() -> tuple[Wire, Wire]:
    """The golden table to be changed, and its first policy's entry."""
    table = cast("Wire", json.loads(GOLDEN.read_bytes()))
    return table, cast("list[Wire]", table["policies"])[0]


def _built(table: Wire, previous: Built | None = None) -> Built:
    text = json.dumps(table).encode()
    return build(read(text), previous.table if previous else None)


def test_what_this_operator_writes_reads_as_what_is_kept() -> None:
    """A new field with a default changes nothing. On any other change keep a new file as well."""
    written, kept = decode(_written()), decode(GOLDEN.read_bytes())
    assert replace(written, version=kept.version) == kept


@pytest.mark.parametrize("name", KEPT)
def test_a_stored_table_runs_whole(name: str) -> None:
    built = build(read((TABLES / name).read_bytes()), None)
    assert built.refused == {}
    assert [p.id for p in built.table.policies] == ["shop/chat", "shop/other"]


def test_fields_of_a_newer_operator_are_passed_over() -> None:
    table, entry = _changed()
    for place in (table, entry, cast("Wire", entry["spec"])):
        place["fromTheFuture"] = {"a": [1]}
    assert _built(table) == build(read(GOLDEN.read_bytes()), None)


def test_fields_that_an_older_operator_does_not_write_have_their_defaults() -> None:
    table, entry = _changed()
    spec = cast("Wire", entry["spec"])
    for name in ("mode", "expose", "variants", "limits", "cache"):
        del spec[name]
    policy_ = _built(table).table.policies[0]
    assert (policy_.mode, policy_.variants, policy_.limits, policy_.cache) == (
        *("Enforce", (), None, None),
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"requires": ["mirrors"]}, "needs mirrors, which this version lacks"),
        ({"spec": {"mode": "Dream"}}, "can't be read by this version: Invalid enum value 'Dream'"),
    ],
)
def test_a_policy_that_this_gateway_cannot_run_is_refused_alone(change: Wire, why: str) -> None:
    table, entry = _changed()
    spec = {**cast("Wire", entry["spec"]), **cast("Wire", change.get("spec", {}))}
    entry.update({**change, "spec": spec})
    first = _built(table)
    assert list(first.refused) == ["shop/chat"]
    assert why in first.refused[PolicyId("shop/chat")]
    assert [p.id for p in first.table.policies] == ["shop/other"]


def test_a_refused_policy_that_serves_already_goes_on_as_it_is() -> None:
    before = build(read(GOLDEN.read_bytes()), None)
    table, entry = _changed()
    entry["requires"] = ["mirrors"]
    after = _built(table, before)
    assert list(after.refused) == ["shop/chat"]
    assert after.table.policies == before.table.policies


def test_a_backend_that_this_gateway_cannot_call_takes_its_policies_along_and_no_others() -> None:
    table, _ = _changed()
    backends = cast("dict[str, Wire]", table["backends"])
    backends["shop/new"] = {**backends["shop/strong"], "id": "shop/new"}
    backends["shop/new"]["requires"] = ["telepathy"]
    other = cast("Wire", cast("list[Wire]", table["policies"])[1]["spec"])
    other["candidates"] = [{"backend": "shop/weak"}, {"backend": "shop/new"}]
    built = _built(table)
    assert dict(built.refused) == {
        "shop/other": "backend shop/new needs telepathy, which this version lacks"
    }
    assert [p.id for p in built.table.policies] == ["shop/chat"]


def test_a_table_of_which_nothing_can_run_is_refused_whole() -> None:
    table, _ = _changed()
    for entry in cast("list[Wire]", table["policies"]):
        entry["requires"] = ["mirrors"]
    with pytest.raises(BadTable, match="needs mirrors"):
        _built(table)


@pytest.mark.parametrize("text", [(TABLES / "v1.json").read_bytes(), b"{}", b"[]", b'""', b"{"])
def test_another_form_is_refused_whole(text: bytes) -> None:
    with pytest.raises(BadTable, match="not valid"):
        read(text)


def test_a_gateway_before_this_form_refuses_the_table_and_keeps_its_own() -> None:
    """It reads protobuf's JSON and passes over unknown fields: an empty table would be the end."""
    pool = descriptor_pool.DescriptorPool()
    serialized = (TABLES / "v1.descriptor.binpb").read_bytes()
    pool.Add(descriptor_pb2.FileDescriptorProto.FromString(serialized))
    descriptor = pool.FindMessageTypeByName("weir.routing.v1.RouteTable")
    former = message_factory.GetMessageClass(descriptor)
    json_format.Parse((TABLES / "v1.json").read_bytes(), former(), ignore_unknown_fields=True)
    with pytest.raises(json_format.ParseError):
        json_format.Parse(GOLDEN.read_bytes(), former(), ignore_unknown_fields=True)


async def test_a_gateway_and_an_operator_across_this_change_do_not_understand_each_other() -> None:
    """Another package means other methods: the caller is told UNIMPLEMENTED and tries again."""
    assert pb.DESCRIPTOR.package == "weir.routing.v2"
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        method = channel.stream_stream(  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] - of no stub
            "/weir.routing.v1.RouteTables/Stream"
        )
        call = method(iter([b""]))  # pyright: ignore[reportUnknownVariableType] - of no stub
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
    await server.stop(None)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@shape
class Inner:
    """A shape of the test's."""

    mirror: bool = defaulted(Flag(), "A new ability.", default=False, feature="mirrors")


@shape
class Outer:
    """Another one around it."""

    inner: Inner = defaulted(Object(Inner), "The other one.", default={})
    extra: bool | None = optional(Flag(), "Another ability.", feature="extras")


def test_a_field_with_a_feature_is_required_of_gateways_where_it_is_set() -> None:
    kind = Object(Outer)
    for written, needs in (
        ({}, []),
        ({"inner": {"mirror": False}}, []),
        ({"inner": {"mirror": True}}, ["mirrors"]),
        ({"inner": {"mirror": True}, "extra": False}, ["mirrors", "extras"]),
    ):
        value = kind.read(written, (), [])
        assert dataclasses.is_dataclass(value)
        assert list(features(value)) == needs
    assert FORMAT.endswith("/2")
