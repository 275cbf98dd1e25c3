"""How connections to a provider are made: TLS with its certificates, and the HTTP proxy.

OpenSSL reads a client's key from a file only, so the key gets a file that lives in memory, has no
name and is gone once it was read. The proxy is looked up once per backend: aiohttp's own
`trust_env` reads the environment and ~/.netrc in a thread for every request, which costs more than
the rest of the request.
"""

import os
import ssl
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL


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
