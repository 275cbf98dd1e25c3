"""How people write durations, sizes, addresses and networks in settings: text in, values out.

Go-style durations (`250ms`, `1m30s`), binary or decimal sizes (`4MiB`), `host:port` or
`unix:///path`. Knows nothing of where the text came from.
"""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NewType

Duration = NewType("Duration", float)  # seconds
Bytes = NewType("Bytes", int)
Networks = NewType("Networks", tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...])

_DURATION_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_SIZE = re.compile(r"(\d+)\s*(B|KB|MB|GB|KiB|MiB|GiB)?")
_SIZE_UNITS = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
_MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen or connect: a TCP host and port, or a unix socket's path."""

    host: str = ""
    port: int = 0
    path: Path | None = None

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def duration(text: str) -> Duration:
    """Seconds in a Go-style duration. Raises ValueError saying what to write."""
    if text == "0":
        return Duration(0.0)
    parts = _DURATION_PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError("a duration such as 250ms, 10s or 1m30s")
    return Duration(sum(float(number) * _DURATION_UNITS[unit] for number, unit in parts))


def size(text: str) -> Bytes:
    """Bytes in a size such as `4MiB`. Raises ValueError saying what to write."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError("a size such as 512KiB or 16MiB")
    return Bytes(int(match[1]) * _SIZE_UNITS[match[2] or "B"])


def networks(text: str) -> Networks:
    """`127.0.0.1, 10.0.0.0/8`: addresses and networks. Raises ValueError saying what to write."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    try:
        return Networks(tuple(ipaddress.ip_network(word) for word in words))
    except ValueError:
        raise ValueError("addresses or networks such as 127.0.0.1, 10.0.0.0/8") from None


def address(text: str) -> Address:
    """A listening or connecting address. Raises ValueError saying what to write."""
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        path = "/" + path.lstrip("/") if path.startswith("//") else path
        if not path:
            raise ValueError("unix:///path/to.sock")
        return Address(path=Path(path))
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not port.isascii() or not port.isdecimal() or int(port) > _MAX_PORT:
        raise ValueError("host:port, such as 127.0.0.1:8080, or unix:///path/to.sock")
    return Address(host=host, port=int(port))
