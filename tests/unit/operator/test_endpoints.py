"""Which endpoints are refused on a cluster, in every spelling that reaches the same place."""

import ipaddress

import pytest

from weir_operator.plan.endpoints import forbidden


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST", "localhost.", "a.localhost", "127.0.0.1", "127.9.9.9", "127.1"),
        *(
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "0.0.0.0",  # noqa: S104 - refused, not bound
            "[::]",
        ),
        *("169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "metadata.google.internal"),
        *("[fd00:ec2::254]", "100.100.100.200", "224.0.0.1"),
    ],
)
def test_the_gateways_own_host_and_metadata_are_refused(host: str) -> None:
    assert forbidden(f"http://{host}:8000/v1")


@pytest.mark.parametrize(
    "host",
    ["api.example.com", "llama.models.svc", "10.0.0.7", "[fd00::7]", "localhost.example.com"],
)
def test_services_and_providers_are_not(host: str) -> None:
    assert forbidden(f"http://{host}/v1") == ""


def test_what_the_gateways_may_call_is_not_refused() -> None:
    allowed = (ipaddress.ip_network("127.0.0.1"), ipaddress.ip_network("169.254.7.0/24"))
    assert forbidden("http://127.0.0.1:8000/v1", allowed) == ""
    assert forbidden("http://169.254.7.9/v1", allowed) == ""
    assert forbidden("http://127.0.0.2/v1", allowed)
    assert forbidden("http://localhost/v1", allowed)
