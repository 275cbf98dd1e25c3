"""Refuses provider addresses that reach the gateway's own host or a cloud's metadata service.

The check sees the addresses that are connected to, so DNS rebinding can't bypass it.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from weir_runtime.quantities import Networks

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Metadata services that lie outside the link-local ranges.
METADATA: Final = frozenset(
    map(
        ipaddress.ip_address,
        ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
    )
)
NONE: Final = Networks(())
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class AddressRefused(OSError):
    """The gateway must not call this address; the message says why."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Decides which addresses may be called."""

    loopback: bool  # allow the gateway's own host
    allowed: Networks = NONE  # exceptions from the settings

    def check(self, host: str, addresses: Sequence[str]) -> None:
        """Raise AddressRefused if one of the `addresses` of `host` must not be called."""
        for text in addresses:
            why = self.refusal(text)
            if why:
                location = f"{host} is at {text}" if host != text else text
                raise AddressRefused(f"{location}, {why}: WEIR_UPSTREAM_ALLOW can allow it")

    def refusal(self, text: str) -> str:
        """Why the address must not be called; empty if it may be."""
        address = _plain(text)
        if any(address in network for network in self.allowed):
            return ""
        if address.is_loopback or address.is_unspecified:
            return "" if self.loopback else "the gateway's own host"
        if address.is_link_local:
            return "a link-local address"
        if address in METADATA:
            return "a cloud's metadata service"
        return "a multicast address" if address.is_multicast else ""


def _plain(text: str) -> Address:
    """The address without scope, unwrapped if it embeds an IPv4 address."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour
        if wrapped is None and address in _NAT64:
            wrapped = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return wrapped or address
    return address
