"""How connections to a provider are made: TLS with its certificates, and the HTTP proxy.

OpenSSL reads a client's key from a file only, so the key gets a file that lives in memory, has no
name and is gone once it was read. The proxy is looked up once per backend: aiohttp's own
`trust_env` reads the environment and ~/.netrc in a thread for every request, which costs more than
the rest of the request.
"""

import os
import ssl
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp.abc import ResolveResult
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from weir_gateway.adapters.providers.addresses import Guard


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where it is and how it knows us."""

    url: URL
    headers: Mapping[str, str]


def proxy_for(target: URL) -> Proxy | None:
    """The proxy for `target`; None where it is called directly."""
    proxies = getproxies()
    address = proxies.get(target.scheme) or proxies.get("all")
    if not address or target.host is None:
        return None
    if proxy_bypass(f"{target.host}:{target.port}"):
        return None
    url = URL(address if "://" in address else f"http://{address}")
    if not url.user:
        return Proxy(url, {})
    login = aiohttp.encode_basic_auth(url.user, url.password or "")
    return Proxy(url.with_user(None), {"Proxy-Authorization": login})


def client_context(
    authority: str | None, certificate: str | None, key: str | None
) -> ssl.SSLContext:
    """A client's context: `authority` (PEM) is trusted and no other, where it is given.

    `certificate` (PEM, the chain with it) and `key` go together. Raises ssl.SSLError and
    ValueError where they can't be used.
    """
    tls = ssl.create_default_context(cadata=authority)
    if certificate is not None and key is not None:
        with _file(f"{certificate}\n{key}") as path:
            tls.load_cert_chain(path, password=_no_passphrase)
    return tls


@contextmanager
def _file(text: str) -> Generator[str]:
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("weir-tls", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, text.encode())
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    # Elsewhere than on Linux: a file of the user's own, there for a moment.
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(text)
        file.flush()
        yield file.name


def _no_passphrase() -> str:
    """Asked for an encrypted key's passphrase, OpenSSL would otherwise turn to the terminal."""
    raise ValueError("the client key is encrypted")


class ConnectionPool(aiohttp.TCPConnector):
    """aiohttp's, with a mark on the running task for each connection it opens."""

    def __init__(self, guard: Guard, *, keepalive_timeout: float, ttl_dns_cache: int) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType] - aiohttp leaves one open
            limit=0, keepalive_timeout=keepalive_timeout, ttl_dns_cache=ttl_dns_cache
        )
        self._guard = guard
        self._proxies: set[tuple[str, int | None]] = set()
        self._opened: ContextVar[bool] = ContextVar("weir_connection_opened")

    def begin(self) -> None:
        """Forget what the running task opened before."""
        self._opened.set(False)

    @property
    def opened(self) -> bool:
        """Whether the running task has opened a connection since `begin`."""
        return self._opened.get(False)

    def trust_proxy(self, host: str, port: int | None) -> None:
        """Let connections to a proxy be: whoever runs the gateway named it, wherever it is."""
        self._proxies.add((host, port))

    async def _resolve_host(
        self, host: str, port: int, traces: Sequence[aiohttp.tracing.Trace] | None = None
    ) -> list[ResolveResult]:
        """The addresses that are connected to next. Raises AddressRefused."""
        found = await super()._resolve_host(host, port, traces)
        if (host, port) not in self._proxies:
            self._guard.check(host, [result["host"] for result in found])
        return found

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[aiohttp.tracing.Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own signature
    ) -> ResponseHandler:
        self._opened.set(True)
        return await super()._create_connection(req, traces, timeout)
