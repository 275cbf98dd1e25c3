"""Parses a batch's items from its input file, each time they are needed. Blocking: for threads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from weir_gateway.batches.journal import JournalItem
from weir_gateway.batches.lines import body_of
from weir_gateway.domain.errors import BadRequest
from weir_gateway.domain.request import ClientKey, Request
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
    """One item, and its request or the error of parsing it."""

    item: JournalItem
    request: Request | BadRequest


def parse_items(context: ItemContext, items: Sequence[JournalItem]) -> list[ParsedItem]:
    """Read and parse the items. Raises OSError."""
    parsed: list[ParsedItem] = []
    with context.file.open("rb") as file:
        for item in items:
            file.seek(item.start)
            parsed.append(ParsedItem(item, _parse(context, item, file.read(item.size))))
    return parsed


def _parse(context: ItemContext, item: JournalItem, line: bytes) -> Request | BadRequest:
    # A provider that honours idempotency keys charges a call repeated after a crash only once.
    headers = {**context.headers, "idempotency-key": f"weir-{context.batch}-{item.line}"}
    try:
        request = context.wire.parse(body_of(line), headers)
    except BadRequest as error:
        return error
    if request.stream:
        return BadRequest("`stream` must be left out or false in a batch", param="stream")
    return request if context.key is None else replace(request, key=context.key)
