"""An authority and certificates for tests, made by openssl: for servers and for clients.

Needs the program `openssl` (Debian: apt-get install openssl). Everything lives in the folder given.
"""

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path

DAYS = "2"
EXTENSIONS = "subjectAltName=DNS:localhost,IP:127.0.0.1"


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates."""

    def __init__(self, folder: Path, pair: Pair) -> None:
        self._folder = folder
        self.pair = pair

    @property
    def pem(self) -> str:
        """What trusts everything it has signed."""
        return self.pair.certificate.read_text()

    async def sign(self, name: str) -> Pair:
        """A certificate for localhost and a subject `name`."""
        pair = Pair(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        request = self._folder / f"{name}.csr"
        await openssl(
            *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-subj", f"/CN={name}", "-addext", EXTENSIONS),
            *("-keyout", str(pair.key), "-out", str(request)),
        )
        await openssl(
            *("x509", "-req", "-in", str(request), "-copy_extensions", "copy", "-days", DAYS),
            *("-CA", str(self.pair.certificate), "-CAkey", str(self.pair.key)),
            *("-CAcreateserial", "-out", str(pair.certificate)),
        )
        return pair


async def authority(folder: Path, name: str = "authority") -> Authority:
    """A fresh one."""
    pair = Pair(folder / f"{name}.crt", folder / f"{name}.key")
    await openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-subj", f"/CN={name}", "-days", DAYS),
        *("-keyout", str(pair.key), "-out", str(pair.certificate)),
    )
    return Authority(folder, pair)


def server_context(pair: Pair, clients: Authority | None = None) -> ssl.SSLContext:
    """A server's side; with `clients` it takes only whom that authority knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=clients.pem)
    return context


async def openssl(*arguments: str) -> None:
    """Run it; a failure shows what it said."""
    process = await asyncio.create_subprocess_exec(
        "openssl", *arguments, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()
