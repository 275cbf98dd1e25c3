"""The last good table and its credentials on disk, for a container that is started again.

Meant for a memory-backed folder that only the gateway's user can read; files are 0600 and are
replaced whole. Must not know how tables arrive.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from weir_gateway.adapters.providers import credentials
from weir_gateway.adapters.providers.credentials import Secret
from weir_gateway.adapters.route_table import build
from weir_gateway.domain.table import SecretRef
from weir_policy.table import Table

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
