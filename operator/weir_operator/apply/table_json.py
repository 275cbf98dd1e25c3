"""The route table as the JSON in the ConfigMap. Never holds a secret's value."""

import gzip
from collections.abc import Mapping

PLAIN = "routetable.json"
PACKED = "routetable.json.gz"  # the gateway reads whichever of the two exists
READABLE_BYTES = 256 * 1024  # a larger table is compressed, because etcd stores every change
MAX_BYTES = 1_000_000  # a ConfigMap holds 1 MiB in all


class TableTooLarge(Exception):
    """The table does not fit into a ConfigMap; the message says how large it is."""


def table_files(text: bytes) -> Mapping[str, bytes]:
    """The ConfigMap's keys and contents: the table plain or compressed. Raises TableTooLarge.

    Equal tables give equal bytes.
    """
    if len(text) <= READABLE_BYTES:
        return {PLAIN: text}
    packed = gzip.compress(text, compresslevel=6, mtime=0)
    if len(packed) > MAX_BYTES:
        raise TableTooLarge(f"{len(text)} bytes, {len(packed)} packed, of at most {MAX_BYTES}")
    return {PACKED: packed}
