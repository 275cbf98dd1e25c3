"""`HOST:PORT` on the command line, and whether it is free to listen on."""

import errno
import socket
from dataclasses import dataclass

import click

from weir_cli.failure import Failure

_HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class HostPort:
    """Where to listen; port 0 lets the system choose one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL under which this machine reaches it."""
        reachable = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - read, not bound
        return f"http://{HostPort(reachable.get(self.host, self.host), self.port)}"


class HostPortType(click.ParamType[HostPort]):
    """click's view of HostPort; a bad value is bad usage, exit code 2."""

    name = "HOST:PORT"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> HostPort:
        """Parse `127.0.0.1:8080`, `[::1]:8080` or `:8080`."""
        if isinstance(value, HostPort):
            return value
        host, colon, port = str(value).rpartition(":")
        if not colon or not port.isascii() or not port.isdigit() or int(port) > _HIGHEST_PORT:
            self.fail(f"{value!r} is not HOST:PORT, such as 127.0.0.1:8080", param, ctx)
        return HostPort(host.strip("[]") or "0.0.0.0", int(port))  # noqa: S104 - what `:8080` means


def listening_socket(at: HostPort) -> socket.socket:
    """A bound, listening socket. Raises Failure when the address can't be had."""
    family = socket.AF_INET6 if ":" in at.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((at.host, at.port))
        bound.listen(1024)
    except OSError as refused:
        bound.close()
        raise Failure(
            f"Cannot listen on {at}: {refused.strerror}.", hint=_hint(refused)
        ) from refused
    return bound


def bound_to(listening: socket.socket) -> HostPort:
    """Where a socket really listens."""
    host, port = listening.getsockname()[:2]
    return HostPort(str(host), int(port))


def _hint(refused: OSError) -> str:
    if refused.errno == errno.EADDRINUSE:
        return "Another program has this port; stop it, or choose another with --listen."
    return "Choose another address with --listen HOST:PORT."
