"""TLS towards providers: whom the gateway trusts, and by which certificate it is known.

OpenSSL reads a client's key from a file only: it gets one that lives in memory, has no name and is
gone once it was read. Must not know backends.
"""

import os
import ssl
import tempfile
from collections.abc import Generator
from contextlib import contextmanager


def client_context(
    authority: str | None, certificate: str | None, key: str | None
) -> ssl.SSLContext:
    """A client's context: `authority` (PEM) is trusted and no other, where it is given.

    `certificate` (PEM, the chain with it) and `key` go together. Raises ssl.SSLError and
    ValueError where they can't be used.
    """
    tls = ssl.create_default_context(cadata=authority)
    if certificate is not None and key is not None:
        with _file(f"{certificate}\n{key}") as path:
            tls.load_cert_chain(path, password=_no_passphrase)
    return tls


@contextmanager
def _file(text: str) -> Generator[str]:
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("weir-tls", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, text.encode())
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    # Elsewhere than on Linux: a file of the user's own, there for a moment.
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(text)
        file.flush()
        yield file.name


def _no_passphrase() -> str:
    """Asked for an encrypted key's passphrase, OpenSSL would otherwise turn to the terminal."""
    raise ValueError("the client key is encrypted")
