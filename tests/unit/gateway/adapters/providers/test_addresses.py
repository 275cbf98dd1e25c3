"""Which addresses of providers are refused, in every spelling that packets take to one place."""

import pytest

from weir_gateway.adapters.providers.addresses import AddressRefused, Guard
from weir_runtime.quantities import networks

CLUSTER = Guard(loopback=False)
LOCAL = Guard(loopback=True)
METADATA = (
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "fe80::1%2",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    "224.0.0.1",
    "ff02::1",
)
LOOPBACK = (
    "127.0.0.1",
    "127.9.9.9",
    "::1",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "0.0.0.0",  # noqa: S104 - refused, not bound
    "::",
)
ELSEWHERE = ("10.0.0.7", "192.168.1.1", "fd00::7", "93.184.216.34", "2606:2800:220:1::1")


@pytest.mark.parametrize("address", METADATA)
@pytest.mark.parametrize("guard", [CLUSTER, LOCAL])
def test_metadata_and_link_local_are_never_called(guard: Guard, address: str) -> None:
    assert guard.refusal(address)


@pytest.mark.parametrize("address", LOOPBACK)
def test_the_gateways_own_host_is_for_files_only(address: str) -> None:
    assert CLUSTER.refusal(address)
    assert LOCAL.refusal(address) == ""


@pytest.mark.parametrize("address", ELSEWHERE)
def test_services_and_providers_are_called(address: str) -> None:
    assert CLUSTER.refusal(address) == ""


def test_whoever_runs_the_gateway_may_allow_it() -> None:
    guard = Guard(loopback=False, allowed=networks("127.0.0.1, 169.254.0.0/16"))
    assert guard.refusal("127.0.0.1") == ""
    assert guard.refusal("169.254.169.254") == ""
    assert guard.refusal("127.0.0.2")


def test_one_bad_address_of_several_refuses_the_name() -> None:
    with pytest.raises(AddressRefused, match=r"models\.test is at 169\.254\.169\.254, a link-loc"):
        CLUSTER.check("models.test", ["10.0.0.1", "169.254.169.254"])


@pytest.mark.parametrize("text", ["10.0.0.0/33", "localhost", "1.2.3"])
def test_a_setting_that_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"such as 127\.0\.0\.1"):
        networks(text)
