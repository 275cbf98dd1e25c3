"""Which endpoints are refused on a cluster, in every spelling that reaches the same place."""

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
