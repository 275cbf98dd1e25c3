"""`HOST:PORT` on the command line, and sockets that listen there."""

import errno
import socket

import click

from weir_cli.failure import Failure
from weir_runtime.quantities import Address, address

_BACKLOG = 1024
ANY_LOOPBACK_PORT = Address(host="127.0.0.1", port=0)
_ANYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not bound


class HostPort(click.ParamType[Address]):
    """click's view of a TCP address; a bad value is bad usage, exit code 2."""

    name = "HOST:PORT"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address:
        """Parse `127.0.0.1:8080`, `[::1]:8080` or `:8080`; port 0 lets the system choose."""
        if isinstance(value, Address):
            return value
        try:
            parsed = address(str(value))
        except ValueError:
            parsed = None
        if parsed is None or parsed.path is not None:
            self.fail(f"{value!r} is not HOST:PORT, such as 127.0.0.1:8080", param, ctx)
        return parsed


def url(at: Address) -> str:
    """The URL under which this machine reaches a server that listens on `at`."""
    return f"http://{Address(host=_ANYWHERE.get(at.host, at.host), port=at.port)}"


def listen(at: Address, *, option: str = "--listen", shared: bool = False) -> socket.socket:
    """A listening socket. Raises Failure, naming the option, when the address is taken or invalid.

    With `shared`, the socket is only bound: it keeps the port for programs that share it.
    """
    family = socket.AF_INET6 if ":" in at.host else socket.AF_INET
    taken = socket.socket(family, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        taken.bind((at.host, at.port))
        if not shared:
            taken.listen(_BACKLOG)
    except OSError as refused:
        taken.close()
        reason = refused.strerror or str(refused)
        raise Failure(f"Cannot listen on {at}: {reason}.", hint=_hint(refused, option)) from refused
    return taken


def bound_address(listening: socket.socket) -> Address:
    """Where a socket really listens."""
    host, port = listening.getsockname()[:2]
    return Address(host=str(host), port=int(port))


def free_address(at: Address) -> Address:
    """`at` with a port that is free now, where its port is 0."""
    with listen(at) as listening:
        return bound_address(listening)


def _hint(refused: OSError, option: str) -> str:
    if refused.errno == errno.EADDRINUSE:
        return f"Another program has this port: stop it, or choose another with {option}."
    return f"Choose another address with {option} HOST:PORT."
