"""The route table from a file: read at start, and again whenever the file changes.

Polling the file's signature detects a ConfigMap's swapped link, a rename and a rewrite alike, on
every file system. `LastGood` saves the last good table for a restart.
"""

import asyncio
import gzip
import json
import logging
import os
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from weir_gateway.adapters.providers import credentials
from weir_gateway.adapters.providers.credentials import Credentials, Secret
from weir_gateway.adapters.route_table import build
from weir_gateway.adapters.route_table.build import read
from weir_gateway.adapters.route_table.tables import Tables
from weir_gateway.domain.errors import BadTable
from weir_gateway.domain.table import SecretRef
from weir_policy.table import Table

_LOG = logging.getLogger(__name__)

PACKED = ".gz"  # a table too large for a ConfigMap is compressed
MAX_BYTES = 256 * 1024 * 1024  # of an uncompressed table

Signature = tuple[int, int, int]  # inode, size, time of change in nanoseconds


class TableFile:
    """Applies the file's table whenever it changes."""

    def __init__(
        self, path: Path, secrets: Path | None, tables: Tables, store: Credentials
    ) -> None:
        """`secrets` is the table's file of credentials, if there is one."""
        self._path = path
        self._packed = path.with_name(path.name + PACKED)
        self._secrets = secrets
        self._tables = tables
        self._store = store
        self._seen: tuple[Signature | None, Signature | None] = (None, None)

    async def refresh(self) -> None:
        """Apply the file if it has changed; an invalid one is logged and changes nothing."""
        signature = await asyncio.to_thread(self._signature)
        if signature in (self._seen, (None, None)) or signature[0] is None:
            return
        self._seen = signature
        try:
            await self._apply()
        except BadTable:
            _LOG.debug("the file will be read again once it has changed")
        except (OSError, ValueError) as error:
            _LOG.error("can't read the route table %s: %s", self._path, _reason(error))

    async def follow(self, every: float) -> None:
        """Refresh every `every` seconds until cancelled."""
        while True:
            await asyncio.sleep(every)
            await self.refresh()

    async def _apply(self) -> None:
        source = str(self._path)
        try:
            text = await asyncio.to_thread(self._read)
            published = await asyncio.to_thread(read, text)
        except BadTable as error:
            self._tables.reject(error, source)
            raise
        if self._secrets is not None:
            secrets = await asyncio.to_thread(credentials.read_file, self._secrets)
            self._store.replace(secrets)
        await self._tables.apply(published, source)

    def _read(self) -> bytes:
        """The file, or its compressed form. Raises OSError and BadTable."""
        if self._path.exists():
            return self._path.read_bytes()
        try:
            with gzip.open(self._packed) as file:
                text = file.read(MAX_BYTES + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise BadTable(f"the route table is not valid: {self._packed.name}: {error}") from error
        if len(text) > MAX_BYTES:
            raise BadTable(f"the route table is not valid: more than {MAX_BYTES} bytes")
        return text

    def _signature(self) -> tuple[Signature | None, Signature | None]:
        secrets = None if self._secrets is None else _signature(self._secrets)
        return _signature(self._path) or _signature(self._packed), secrets


def _signature(path: Path) -> Signature | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _reason(error: Exception) -> str:
    """The error without the file's content, which may be a credential."""
    return error.strerror or "unreadable" if isinstance(error, OSError) else type(error).__name__


TABLE = "routetable.json"
CREDENTIALS = "credentials.json"


class LastGood:
    """A folder with both."""

    def __init__(self, folder: Path) -> None:
        self.table = folder / TABLE
        self.credentials = folder / CREDENTIALS
        self._folder = folder

    def save(self, table_json: bytes, secrets: Mapping[SecretRef, Secret]) -> None:
        """Write both; blocks. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._write(self.credentials, json.dumps([_entry(*item) for item in secrets.items()]))
        self._write(self.table, table_json.decode())

    def load(self) -> tuple[Table, dict[SecretRef, Secret]] | None:
        """What was kept; None where nothing was. Blocks. Raises OSError, ValueError, BadTable."""
        if not self.table.exists():
            return None
        secrets = credentials.read_file(self.credentials) if self.credentials.exists() else {}
        return build.read(self.table.read_bytes()), secrets

    def _write(self, path: Path, text: str) -> None:
        handle, name = tempfile.mkstemp(dir=self._folder)  # 0600
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)


def _entry(ref: SecretRef, secret: Secret) -> dict[str, str]:
    return {
        "namespace": ref.namespace,
        "name": ref.name,
        "key": ref.key,
        "value": secret.reveal(),
    }
