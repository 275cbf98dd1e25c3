"""What the operator's stream brings to a whole gateway, and what it does while that is away."""

import asyncio
import contextlib
from pathlib import Path

from support.gateway import backend, running_gateway, table
from support.operator_stream import Operator, running_operator
from support.upstream import answering, completion, running_upstream
from weir_proto.routing.v2 import routetable_pb2 as pb

BODY = b'{"model":"auto","messages":[{"role":"user","content":"hi"}]}'
KEY = "sk-very-secret-value"
CREDENTIAL = pb.Credential(ref=pb.SecretRef(namespace="shop", name="keys", key="weak"), value=KEY)


async def test_the_operators_tables_are_acknowledged_or_refused(tmp_path: Path) -> None:
    operator = Operator()
    token = tmp_path / "token"
    token.write_text("gateway-token\n")
    keep = tmp_path / "keep"
    async with (
        running_upstream(answering(completion())) as upstream,
        running_operator(operator) as port,
        running_gateway(
            tmp_path,
            None,
            [
                ("WEIR_OPERATOR", f"127.0.0.1:{port}"),
                ("WEIR_OPERATOR_TOKEN", str(token)),
                ("WEIR_ROUTETABLE_KEEP", str(keep)),
                ("WEIR_USAGE_EVERY", "20ms"),
                ("WEIR_GATEWAY_NAME", "gateway-0"),
            ],
        ) as gateway,
    ):
        good = table(backend("weak", upstream.url), version="v1")
        good.backends[0].spec["auth"] = {"secretRef": {"name": "keys", "key": "weak"}}
        await operator.outbox.put(good.message([CREDENTIAL]))
        assert (await operator.verdict("v1")).WhichOneof("verdict") == "ack"
        async with await gateway.chat(BODY) as response:
            assert response.status == 200
        assert upstream.received[0].headers["authorization"] == f"Bearer {KEY}"

        bad = table(backend("weak", upstream.url), version="v2")
        bad.policies[0].spec["candidates"] = [{"backend": "weak"}, {"backend": "none"}]
        await operator.outbox.put(bad.message())
        refused = await operator.verdict("v2")
        assert refused.WhichOneof("verdict") == "ack"
        ((policy, reason),) = [(r.policy, r.reason) for r in refused.ack.refused]
        assert policy == "shop/chat"
        assert "shop/none" in reason
        async with await gateway.chat(BODY) as response:
            assert response.status == 200
        assert upstream.received[1].headers["authorization"] == f"Bearer {KEY}"

        async with asyncio.timeout(20):
            while not (report := await operator.reports.get()).usage:
                pass
            while report.usage[0].requests < 2:
                report = await operator.reports.get()
        assert report.gateway == "gateway-0"
        assert report.usage[0].policy == "shop/chat"
        assert operator.tokens == ["Bearer gateway-token"]
    assert KEY not in (keep / "routetable.json").read_text()
    assert (keep / "credentials.json").stat().st_mode & 0o777 == 0o600


async def test_it_starts_on_the_last_good_table_with_the_operator_away(tmp_path: Path) -> None:
    keep = tmp_path / "keep"
    away = [("WEIR_OPERATOR", "127.0.0.1:1"), ("WEIR_ROUTETABLE_KEEP", str(keep))]
    async with running_upstream(answering(completion())) as upstream:
        keep.mkdir()
        kept = table(backend("weak", upstream.url), version="kept")
        (keep / "routetable.json").write_text(kept.to_json().decode())
        async with (
            running_gateway(tmp_path, None, away) as gateway,
            await gateway.chat(BODY) as response,
        ):
            assert response.status == 200


async def test_it_is_not_ready_on_a_file_whose_keys_only_the_operator_has(tmp_path: Path) -> None:
    operator = Operator()
    async with (
        running_upstream(answering(completion())) as upstream,
        running_operator(operator) as port,
    ):
        keyed = table(backend("weak", upstream.url))
        keyed.backends[0].spec["auth"] = {"secretRef": {"name": "keys", "key": "weak"}}
        variables = [("WEIR_OPERATOR", f"127.0.0.1:{port}")]
        async with running_gateway(tmp_path, keyed, variables) as gateway:
            admin = f"http://{gateway.gateway.bound_admin}/readyz"
            async with gateway.session.get(admin) as response:
                assert response.status == 503
                assert "shop/keys" in await response.text()
            await operator.outbox.put(keyed.message([CREDENTIAL]))
            await operator.verdict("v1")
            async with gateway.session.get(admin) as response:
                assert response.status == 200
            async with await gateway.chat(BODY) as response:
                assert response.status == 200


async def test_the_stream_is_taken_up_again_after_the_operator_was_away(tmp_path: Path) -> None:
    first, second = Operator(), Operator()
    async with (
        running_upstream(answering(completion())) as upstream,
        contextlib.AsyncExitStack() as stack,
    ):
        async with running_operator(first) as port:
            gateway = await stack.enter_async_context(
                running_gateway(tmp_path, None, [("WEIR_OPERATOR", f"127.0.0.1:{port}")])
            )
            await first.outbox.put(table(backend("weak", upstream.url), version="v1").message())
            await first.verdict("v1")
        async with await gateway.chat(BODY) as response:
            assert response.status == 200
        async with running_operator(second, port):
            await second.outbox.put(table(backend("weak", upstream.url), version="v2").message())
            assert (await second.verdict("v2")).WhichOneof("verdict") == "ack"
