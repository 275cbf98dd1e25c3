"""The HTTP proxy that leads to a provider, as HTTP_PROXY, HTTPS_PROXY and NO_PROXY say.

Asked once per backend: aiohttp's own `trust_env` asks the environment and ~/.netrc in a thread
for every request, which costs more than the rest of the request. Must not know backends.
"""

from collections.abc import Mapping
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
