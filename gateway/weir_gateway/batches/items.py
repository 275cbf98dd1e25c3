"""A batch's items as requests: read from its file again when they are needed, never kept.

Must not know what becomes of them. Blocking: for a thread, never for the event loop.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from weir_gateway.batches.journal import JournalItem
from weir_gateway.batches.lines import body_of
from weir_gateway.domain.errors import BadRequest
from weir_gateway.domain.key import ClientKey
from weir_gateway.domain.request import Request
from weir_gateway.http.client_wires import ClientWire


@dataclass(frozen=True, slots=True)
class ItemContext:
    """What all items of a batch have in common."""

    batch: str
    wire: ClientWire
    file: Path
    headers: Mapping[str, str]
    key: ClientKey | None


@dataclass(frozen=True, slots=True)
class ParsedItem:
    """One item, and its request or what is wrong with it."""

    item: JournalItem
    request: Request | BadRequest


def parse_items(asking: ItemContext, items: Sequence[JournalItem]) -> list[ParsedItem]:
    """The items' requests. Raises OSError."""
    asked: list[ParsedItem] = []
    with asking.file.open("rb") as file:
        for item in items:
            file.seek(item.start)
            asked.append(ParsedItem(item, _request(asking, item, file.read(item.size))))
    return asked


def _request(asking: ItemContext, item: JournalItem, line: bytes) -> Request | BadRequest:
    # A provider that knows such keys charges a call that is made again after a crash but once.
    headers = {**asking.headers, "idempotency-key": f"weir-{asking.batch}-{item.line}"}
    try:
        request = asking.wire.parse(body_of(line), headers)
    except BadRequest as error:
        return error
    if request.stream:
        return BadRequest("`stream` must be left out or false in a batch", param="stream")
    return request if asking.key is None else replace(request, key=asking.key)
