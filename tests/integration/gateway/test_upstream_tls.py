"""Whom the gateway trusts, by what it is known, and where it never connects."""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from support import tables
from support.certificates import Authority, Pair, authority, server_context
from support.gateway import identities, untraced
from support.upstream import Upstream, answering, completion, running_upstream
from weir_gateway.adapters.providers.addresses import Guard
from weir_gateway.adapters.providers.credentials import Credentials, Secret
from weir_gateway.adapters.providers.upstream import HttpUpstreams
from weir_gateway.adapters.providers.usage_option import UsageOptions
from weir_gateway.domain.errors import UpstreamError, UpstreamFailure
from weir_gateway.domain.table import Backend, SecretRef
from weir_gateway.http.parse.openai_chat import parse
from weir_runtime.quantities import networks

REQUEST = parse(b'{"model":"auto","messages":[{"role":"user","content":"hi"}]}', {})
CA = SecretRef("shop", "tls", "ca.crt")
CERTIFICATE = SecretRef("shop", "tls", "tls.crt")
KEY = SecretRef("shop", "tls", "tls.key")


@asynccontextmanager
async def calling(
    credentials: Credentials, guard: Guard | None = None
) -> AsyncGenerator[HttpUpstreams]:
    upstreams = HttpUpstreams(
        credentials,
        identities(credentials),
        untraced(),
        guard or Guard(loopback=True),
        UsageOptions(time.monotonic),
        max_answer=1 << 20,
    )
    await upstreams.start()
    try:
        yield upstreams
    finally:
        await upstreams.stop()


def backend(upstream: Upstream) -> Backend:
    return replace(tables.backend("weak"), endpoint=upstream.url)


def secrets(ca: Authority, client: Pair | None = None) -> Credentials:
    store = Credentials({})
    held = {CA: Secret(ca.pem)}
    if client is not None:
        held |= {
            CERTIFICATE: Secret(client.certificate.read_text()),
            KEY: Secret(client.key.read_text()),
        }
    store.replace(held)
    return store


async def failure(upstreams: HttpUpstreams, to: Backend) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await upstreams.send(to, REQUEST)
    return caught.value


async def test_an_authority_of_ones_own_is_trusted_and_no_other(tmp_path: Path) -> None:
    ours = await authority(tmp_path)
    other = await authority(tmp_path, "other")
    context = server_context(await ours.sign("server"))
    async with running_upstream(answering(completion()), tls=context) as upstream:
        private = replace(backend(upstream), ca=CA)
        async with calling(secrets(ours)) as upstreams:
            assert (await upstreams.send(private, REQUEST)).status == 200
            error = await failure(upstreams, backend(upstream))  # by the system's authorities
            assert error.failure is UpstreamFailure.CONNECT
            assert "certificate verify failed" in error.message
        async with calling(secrets(other)) as upstreams:
            error = await failure(upstreams, private)
            assert error.failure is UpstreamFailure.CONNECT


async def test_the_gateway_is_known_by_its_certificate(tmp_path: Path) -> None:
    ours = await authority(tmp_path)
    server, client = await ours.sign("server"), await ours.sign("client")
    context = server_context(server, clients=ours)
    async with running_upstream(answering(completion()), tls=context) as upstream:
        mutual = replace(backend(upstream), ca=CA, client_certificate=CERTIFICATE, client_key=KEY)
        async with calling(secrets(ours, client)) as upstreams:
            assert (await upstreams.send(mutual, REQUEST)).status == 200
            error = await failure(upstreams, replace(backend(upstream), ca=CA))
            assert error.failure in {UpstreamFailure.CONNECT, UpstreamFailure.BROKEN}
        assert len(upstream.received) == 1


async def test_a_key_that_is_not_the_certificates_is_no_traceback(tmp_path: Path) -> None:
    ours = await authority(tmp_path)
    one, two = await ours.sign("one"), await ours.sign("two")
    mixed = secrets(ours, Pair(one.certificate, two.key))
    async with running_upstream(answering(completion())) as upstream, calling(mixed) as upstreams:
        mutual = replace(backend(upstream), client_certificate=CERTIFICATE, client_key=KEY)
        error = await failure(upstreams, mutual)
    assert error.failure is UpstreamFailure.CREDENTIAL
    assert "don't belong together" in error.message


async def test_a_missing_client_key_is_named(tmp_path: Path) -> None:
    store = secrets(await authority(tmp_path))
    async with running_upstream(answering(completion())) as upstream, calling(store) as upstreams:
        mutual = replace(backend(upstream), client_certificate=CERTIFICATE, client_key=KEY)
        error = await failure(upstreams, mutual)
    assert "no client certificate: key tls.crt of secret shop/tls" in error.message


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"], ids=["address", "name"])
async def test_on_a_cluster_the_gateways_own_host_is_never_connected_to(host: str) -> None:
    cluster = Guard(loopback=False)
    async with running_upstream(answering(completion())) as upstream:
        upstream.host = host
        async with calling(Credentials({}), cluster) as upstreams:
            error = await failure(upstreams, backend(upstream))
        assert error.failure is UpstreamFailure.ADDRESS
        assert "the gateway's own host" in error.message
        assert "WEIR_UPSTREAM_ALLOW" in error.message
        assert not upstream.received
        allowed = Guard(loopback=False, allowed=networks("127.0.0.1,::1"))
        async with calling(Credentials({}), allowed) as upstreams:
            assert (await upstreams.send(backend(upstream), REQUEST)).status == 200


async def test_the_metadata_service_is_never_connected_to_even_without_a_cluster() -> None:
    to = replace(tables.backend("weak"), endpoint="http://169.254.169.254/v1")
    async with calling(Credentials({})) as upstreams:
        error = await failure(upstreams, to)
    assert error.failure is UpstreamFailure.ADDRESS
