"""Which endpoints a policy on a cluster may not name.

Those that reach the gateway's own host, and those that would get its identity's token to keep.

Only what is written is looked at; what a name resolves to the gateway checks as it connects.
"""

import ipaddress
import socket
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from weir_policy.spec.auth import (
    AwsIdentity,
    AzureIdentity,
    CloudSpec,
    GoogleIdentity,
    cloud_refs,
)

_NAMES = ("localhost", "metadata", "metadata.google.internal", "instance-data")
_METADATA = frozenset({"fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"})


# Where each cloud serves models. Nobody else can have a name of these and read what is sent there.
_OWN_HOSTS: Final[Mapping[type[CloudSpec], tuple[str, ...]]] = {
    AwsIdentity: (".amazonaws.com", ".amazonaws.com.cn", ".api.aws"),
    GoogleIdentity: (".googleapis.com",),
    AzureIdentity: tuple(
        f".{service}.azure.{domain}"
        for service in ("openai", "cognitiveservices", "services.ai")
        for domain in ("com", "us", "cn")
    ),
}

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


def forbidden(endpoint: str, allowed: Networks = ()) -> str:
    """Why the endpoint is refused on a cluster; empty where it isn't, or its address is allowed."""
    try:
        host = (urlsplit(endpoint).hostname or "").rstrip(".")
    except ValueError:
        return "has no valid host"
    if host in _NAMES or host.endswith((".localhost", ".metadata.google.internal")):
        return f"names {host}, which is the gateway's own host or its metadata service"
    address = _address(host)
    if address is None or any(address in network for network in allowed):
        return ""
    return _refused(host, address)


def foreign(endpoint: str, identity: CloudSpec) -> str:
    """Why an endpoint may not get the gateway's own token; empty if it may.

    An identity with secrets of its own may go anywhere: who wrote the backend has the secrets.
    """
    if any(cloud_refs(identity)):
        return ""
    parts = urlsplit(endpoint)
    hosts = _OWN_HOSTS[type(identity)]
    if parts.scheme == "https" and (parts.hostname or "").endswith(hosts):
        return ""
    names = ", ".join(f"*{host}" for host in hosts)
    return f"is called with the gateway's own identity, which goes by https to {names} alone"


def _refused(host: str, address: _Address) -> str:
    if address.is_loopback or address.is_unspecified:
        return f"names {host}, a loopback address: the gateway's own host"
    if address.is_link_local or str(address) in _METADATA:
        return f"names {host}, a link-local or metadata address"
    return "names a multicast address" if address.is_multicast else ""


def _address(host: str) -> _Address | None:
    """The literal address, in any spelling that a resolver takes, 127.1 and 0x7f000001 too."""
    try:
        parsed = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except OSError:
            return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return mapped or parsed
