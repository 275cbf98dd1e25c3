"""Lines of a batch's results, as OpenAI writes them. Pure."""

import json
from typing import Final

from weir_gateway.batches.journal import Kept, Result
from weir_gateway.domain.errors import WeirError
from weir_wires.error_shapes import ErrorShape

OK_BELOW: Final = 400


def answered(item: Kept, batch: str, request_id: str, status: int, body: bytes) -> Result:
    """A provider's answer, or its refusal, under the caller's id."""
    head = json.dumps({"id": _id(batch, item), "custom_id": item.custom_id})[:-1]
    response = json.dumps({"status_code": status, "request_id": request_id})[:-1]
    text = f'{head}, "response": {response}, "body": '.encode() + _one_line(body)
    return Result(item.line, status < OK_BELOW, text + b'}, "error": null}')


def refused(item: Kept, batch: str, request_id: str, error: WeirError, shape: ErrorShape) -> Result:
    """An error of ours, in the shape that the item's wire has."""
    return answered(item, batch, request_id, error.status, shape.write(error))


def never_sent(item: Kept, batch: str, code: str, message: str) -> Result:
    """What there is to say of an item that was not executed."""
    said = {
        "id": _id(batch, item),
        "custom_id": item.custom_id,
        "response": None,
        "error": {"code": code, "message": message},
    }
    return Result(item.line, well=False, text=json.dumps(said).encode())


def _id(batch: str, item: Kept) -> str:
    return f"batch_req_{batch.removeprefix('batch_')}_{item.line}"


def _one_line(body: bytes) -> bytes:
    """JSON has raw newlines between its tokens only."""
    return body.strip().replace(b"\r", b" ").replace(b"\n", b" ") or b"null"
