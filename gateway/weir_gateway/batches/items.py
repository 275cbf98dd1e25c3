"""A batch's items, parsed from its input file, and the result lines that answer them.

Items are parsed each time they are needed, which blocks: call it in a thread.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from weir_gateway.batches.journal import ItemResult, JournalItem
from weir_gateway.batches.lines import body_of
from weir_gateway.domain.errors import BadRequest, WeirError
from weir_gateway.domain.request import ClientKey, Request
from weir_gateway.http.client_wires import ClientWire
from weir_wires.error_shapes import ErrorShape


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


OK_BELOW: Final = 400


def response_line(
    item: JournalItem, batch: str, request_id: str, status: int, body: bytes
) -> ItemResult:
    """Write a provider's response, answer or error, under the client's custom_id."""
    head = json.dumps({"id": _id(batch, item), "custom_id": item.custom_id})[:-1]
    response = json.dumps({"status_code": status, "request_id": request_id})[:-1]
    text = f'{head}, "response": {response}, "body": '.encode() + _one_line(body)
    return ItemResult(item.line, status < OK_BELOW, text + b'}, "error": null}')


def error_line(
    item: JournalItem, batch: str, request_id: str, error: WeirError, shape: ErrorShape
) -> ItemResult:
    """Write an error of this gateway, in the shape of the item's API."""
    return response_line(item, batch, request_id, error.status, shape.write(error))


def unsent_line(item: JournalItem, batch: str, code: str, message: str) -> ItemResult:
    """Write the line of an item that was not executed."""
    line = {
        "id": _id(batch, item),
        "custom_id": item.custom_id,
        "response": None,
        "error": {"code": code, "message": message},
    }
    return ItemResult(item.line, ok=False, text=json.dumps(line).encode())


def _id(batch: str, item: JournalItem) -> str:
    return f"batch_req_{batch.removeprefix('batch_')}_{item.line}"


def _one_line(body: bytes) -> bytes:
    # JSON has raw newlines only between its tokens, where a space means the same.
    return body.strip().replace(b"\r", b" ").replace(b"\n", b" ") or b"null"
