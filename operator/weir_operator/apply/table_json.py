"""The route table as the JSON that lies in the ConfigMap. Never holds a secret's value."""

import gzip
from collections.abc import Mapping

PLAIN = "routetable.json"
PACKED = "routetable.json.gz"  # beside PLAIN's place: the gateway looks for either
READABLE_BYTES = 256 * 1024  # above that nobody reads it, and etcd stores every change
MAX_BYTES = 1_000_000  # a ConfigMap holds 1 MiB in all


class TableTooLarge(Exception):
    """The table does not fit into a ConfigMap; the message says how large it is."""


def table_files(text: bytes) -> Mapping[str, bytes]:
    """What the ConfigMap should hold, by key: the table as it is or packed. Raises TableTooLarge.

    Equal tables give equal bytes.
    """
    if len(text) <= READABLE_BYTES:
        return {PLAIN: text}
    packed = gzip.compress(text, compresslevel=6, mtime=0)
    if len(packed) > MAX_BYTES:
        raise TableTooLarge(f"{len(text)} bytes, {len(packed)} packed, of at most {MAX_BYTES}")
    return {PACKED: packed}
