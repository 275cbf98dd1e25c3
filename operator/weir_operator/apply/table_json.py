"""The route table as the JSON that lies in the ConfigMap. Never holds a secret's value."""

import json

from google.protobuf import json_format

from weir_proto.routing.v1.routetable_pb2 import RouteTable

MAX_BYTES = 1_000_000  # a ConfigMap holds 1 MiB in all


class TableTooLarge(Exception):
    """The table does not fit into a ConfigMap; the message says how large it is."""


def table_json(table: RouteTable) -> str:
    """Compact JSON of `table`. Raises TableTooLarge."""
    if table.credentials:
        raise ValueError("a table with credentials is for the stream only")
    text = json.dumps(json_format.MessageToDict(table), separators=(",", ":"))
    if len(text.encode()) > MAX_BYTES:
        raise TableTooLarge(f"{len(text)} bytes do not fit; gateways get it over the stream alone")
    return text
