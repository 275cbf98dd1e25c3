"""Which addresses a provider may have: none that reach the gateway's own host or its cloud's keys.

Asked with the addresses that are about to be connected to, so that a name which resolved to
something else a moment ago (DNS rebinding) changes nothing. Must not know sockets.
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
    """The address is none that this gateway may call; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Guard:
    """What may be called."""

    loopback: bool  # whether a model may run on the gateway's own host
    allowed: Networks = NONE  # by whoever runs the gateway, whatever they are

    def check(self, host: str, addresses: Sequence[str]) -> None:
        """Raise AddressRefused where one of `addresses`, of `host`, must not be called."""
        for text in addresses:
            why = self.refusal(text)
            if why:
                named = f"{host} is at {text}" if host != text else text
                raise AddressRefused(f"{named}, {why}: WEIR_UPSTREAM_ALLOW can allow it")

    def refusal(self, text: str) -> str:
        """What the address is that it may not be called; empty where it may."""
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
    """The address that packets really go to: without scope, and out of what wraps an IPv4 one."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour
        if wrapped is None and address in _NAT64:
            wrapped = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return wrapped or address
    return address
