"""Writes the lines of a batch's output and error files, as OpenAI does. Pure."""

import json
from typing import Final

from weir_gateway.batches.journal import ItemResult, JournalItem
from weir_gateway.domain.errors import WeirError
from weir_wires.error_shapes import ErrorShape

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
