"""The ports that a local Weir takes: one to serve on, shared by its workers, and one probe each."""

import contextlib
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from weir_cli.addresses import bound_address, listen
from weir_runtime.quantities import Address


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything listens. `reserved` keeps the served port for the workers that share it."""

    serve: Address
    gateways: Sequence[Address]  # admin, one a worker
    scorer: Address  # admin
    reserved: socket.socket

    def close(self) -> None:
        """Release the served port."""
        self.reserved.close()


def reserve(at: Address, admin: Address, workers: int) -> Ports:
    """Find every port free, or raise Failure. Admin ports count upwards from `admin`, scorer last.

    A port 0 stands for any free one.
    """
    listen(at).close()  # fails where another program listens, even one that shares its port
    shared_socket = listen(at, shared=True)
    try:
        admins = _admins(admin, workers + 1)
    except BaseException:
        shared_socket.close()
        raise
    return Ports(bound_address(shared_socket), admins[:-1], admins[-1], shared_socket)


def _admins(first: Address, count: int) -> list[Address]:
    ports = [first.port + at if first.port else 0 for at in range(count)]
    with contextlib.ExitStack() as stack:
        sockets = [
            stack.enter_context(listen(Address(host=first.host, port=port), option="--admin"))
            for port in ports
        ]
        return [bound_address(each) for each in sockets]
