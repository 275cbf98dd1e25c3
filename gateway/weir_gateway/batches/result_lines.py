"""Lines of a batch's results, as OpenAI writes them. Pure."""

import json
from typing import Final

from weir_gateway.batches.journal import ItemResult, JournalItem
from weir_gateway.domain.errors import WeirError
from weir_wires.error_shapes import ErrorShape

OK_BELOW: Final = 400


def response_line(
    item: JournalItem, batch: str, request_id: str, status: int, body: bytes
) -> ItemResult:
    """A provider's answer, or its refusal, under the caller's id."""
    head = json.dumps({"id": _id(batch, item), "custom_id": item.custom_id})[:-1]
    response = json.dumps({"status_code": status, "request_id": request_id})[:-1]
    text = f'{head}, "response": {response}, "body": '.encode() + _one_line(body)
    return ItemResult(item.line, status < OK_BELOW, text + b'}, "error": null}')


def error_line(
    item: JournalItem, batch: str, request_id: str, error: WeirError, shape: ErrorShape
) -> ItemResult:
    """An error of ours, in the shape that the item's wire has."""
    return response_line(item, batch, request_id, error.status, shape.write(error))


def unsent_line(item: JournalItem, batch: str, code: str, message: str) -> ItemResult:
    """What there is to say of an item that was not executed."""
    said = {
        "id": _id(batch, item),
        "custom_id": item.custom_id,
        "response": None,
        "error": {"code": code, "message": message},
    }
    return ItemResult(item.line, ok=False, text=json.dumps(said).encode())


def _id(batch: str, item: JournalItem) -> str:
    return f"batch_req_{batch.removeprefix('batch_')}_{item.line}"


def _one_line(body: bytes) -> bytes:
    """JSON has raw newlines between its tokens only."""
    return body.strip().replace(b"\r", b" ").replace(b"\n", b" ") or b"null"
