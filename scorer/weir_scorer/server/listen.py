"""Where the scorer listens: TCP, or a unix socket with its file's leftovers and mode.

Knows nothing of what is served there.
"""

import asyncio
import socket
import stat
from contextlib import suppress
from pathlib import Path

from grpc import aio

from weir_runtime.quantities import Address

_MODE = 0o660  # the gateway's group may connect, nobody else
_PROBE_SECONDS = 1.0


class CannotListen(Exception):
    """The address cannot be listened on; the message says why and what to do."""


async def listen(server: aio.Server, address: Address) -> Address:
    """Bind `server` to `address`; returns it with the port really bound. Raises CannotListen."""
    if address.path is None:
        return Address(host=address.host, port=_bind(server, address, str(address)))
    await asyncio.to_thread(_clear, address.path)
    _bind(server, address, f"unix:{address.path}")
    await asyncio.to_thread(address.path.chmod, _MODE)
    return address


async def forget(address: Address) -> None:
    """Remove the socket file, if `address` is one and it is still there."""
    if address.path is not None:
        await asyncio.to_thread(address.path.unlink, missing_ok=True)


def _bind(server: aio.Server, address: Address, target: str) -> int:
    try:
        port = server.add_insecure_port(target)
    except RuntimeError as error:
        raise CannotListen(
            f"cannot listen on {address}: is the address free, and does it exist here?"
        ) from error
    if port == 0:
        raise CannotListen(f"cannot listen on {address}: is the address free?")
    return port


def _clear(path: Path) -> None:
    """Remove a socket file that nobody serves any more; leave anything else alone."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise CannotListen(f"cannot listen on {path}: its folder does not exist") from None
        return
    if not stat.S_ISSOCK(mode):
        raise CannotListen(f"cannot listen on {path}: another kind of file is there; remove it")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_PROBE_SECONDS)
        with suppress(ConnectionRefusedError, FileNotFoundError):
            probe.connect(str(path))
            raise CannotListen(f"cannot listen on {path}: another program serves there")
    path.unlink(missing_ok=True)
