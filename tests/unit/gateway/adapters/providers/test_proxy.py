"""HTTP_PROXY, HTTPS_PROXY and NO_PROXY, as every client of these APIs reads them."""

import pytest
from yarl import URL

from weir_gateway.adapters.providers.transport import Proxy, proxy_for

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("https://api.example.com/v1", "http://tls-proxy:3128"),
        ("http://api.example.com/v1", "http://proxy:3128"),
        ("http://internal.example.org/v1", None),
        ("http://127.0.0.1:8000/v1", None),
        ("http://127.0.0.1:9000/v1", "http://proxy:3128"),
    ],
)
def test_the_environment_says_which_proxy(
    monkeypatch: pytest.MonkeyPatch, target: str, expected: str | None
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://tls-proxy:3128")
    monkeypatch.setenv("HTTP_PROXY", "proxy:3128")
    monkeypatch.setenv("NO_PROXY", ".example.org,127.0.0.1:8000")
    found = proxy_for(URL(target))
    assert (None if found is None else str(found.url)) == expected


def test_a_proxys_user_is_its_authentication(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://ann:s%40cret@proxy:3128")
    expected = Proxy(URL("http://proxy:3128"), {"Proxy-Authorization": "Basic YW5uOnNAY3JldA=="})
    assert proxy_for(URL("https://api.example.com")) == expected


def test_without_one_calls_are_direct() -> None:
    assert proxy_for(URL("https://api.example.com")) is None
