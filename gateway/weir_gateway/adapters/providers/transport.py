"""Connections to providers: TLS, HTTP proxy, connection pool.

OpenSSL reads a client key only from a file, so the key is written to an anonymous file in memory.
The proxy is looked up once per backend: aiohttp's `trust_env` reads the environment and ~/.netrc in
a thread for each request, which costs more than the rest of the request.
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
    """A proxy's URL, and the headers with its credentials."""

    url: URL
    headers: Mapping[str, str]


def proxy_for(target: URL) -> Proxy | None:
    """The proxy for `target`; None for a direct connection."""
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
    """A client's TLS context. `authority` (PEM) replaces the system's authorities.

    `certificate` (PEM with its chain) and `key` go together. Raises ssl.SSLError and ValueError if
    they are invalid.
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
    # Not on Linux: a temporary file that only the user can read.
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(text)
        file.flush()
        yield file.name


def _no_passphrase() -> str:
    """OpenSSL would otherwise ask for the passphrase at the terminal."""
    raise ValueError("the client key is encrypted")


class ConnectionPool(aiohttp.TCPConnector):
    """aiohttp's pool; checks addresses and records whether a task opened a connection.

    A provider may close an idle connection just as a request is written to it. Such a request was
    most likely not read, so it is worth a second try; on a fresh connection it is not.
    """

    def __init__(self, guard: Guard, *, keepalive_timeout: float, ttl_dns_cache: int) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType] - aiohttp leaves one open
            limit=0, keepalive_timeout=keepalive_timeout, ttl_dns_cache=ttl_dns_cache
        )
        self._guard = guard
        self._proxies: set[tuple[str, int | None]] = set()
        self._opened: ContextVar[bool] = ContextVar("weir_connection_opened")

    def begin(self) -> None:
        """Reset `opened` for the running task."""
        self._opened.set(False)

    @property
    def opened(self) -> bool:
        """Whether the running task has opened a connection since `begin`."""
        return self._opened.get(False)

    def trust_proxy(self, host: str, port: int | None) -> None:
        """Exempt a proxy from the address check: the gateway's operator configured it."""
        self._proxies.add((host, port))

    async def _resolve_host(
        self, host: str, port: int, traces: Sequence[aiohttp.tracing.Trace] | None = None
    ) -> list[ResolveResult]:
        """Resolve and check addresses. Raises AddressRefused."""
        results = await super()._resolve_host(host, port, traces)
        if (host, port) not in self._proxies:
            self._guard.check(host, [result["host"] for result in results])
        return results

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[aiohttp.tracing.Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own signature
    ) -> ResponseHandler:
        self._opened.set(True)
        return await super()._create_connection(req, traces, timeout)
