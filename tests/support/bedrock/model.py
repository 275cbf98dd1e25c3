"""Bedrock's API as botocore's service model has it: which requests it takes."""

import base64
import json
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator

Json = dict[str, Any]


@cache
def service() -> ServiceModel:
    """The runtime's service model."""
    return botocore.session.Session().get_service_model("bedrock-runtime")


def problems(operation: str, model: str, body: bytes) -> str:
    """What is wrong with a request's body; empty where the API takes it."""
    shape = service().operation_model(operation).input_shape
    assert shape is not None
    fields = {"modelId": model, **json.loads(body)}
    unknown = list(_unknown(shape, fields, "$"))
    if unknown:
        return f"unknown: {', '.join(unknown)}"
    report: Any = ParamValidator().validate(_with_bytes(shape, fields), shape)
    return str(report.generate_report())


def _unknown(shape: Shape, value: Any, at: str) -> list[str]:
    """Members that the API doesn't have: its validator takes them for a later version's."""
    kind: Any = shape
    fields, entries = _object(shape, value), _entries(shape, value)
    found = [f"{at}.{name}" for name in fields if name not in kind.members]
    if fields and kind.is_tagged_union and len(fields) != 1:
        found.append(f"{at} is no union of one member")
    for name in fields.keys() - {path.rpartition(".")[2] for path in found}:
        found += _unknown(kind.members[name], fields[name], f"{at}.{name}")
    for index, entry in enumerate(entries):
        found += _unknown(kind.member, entry, f"{at}[{index}]")
    return found


def _with_bytes(shape: Shape, value: Any) -> Any:
    """The fields with binary members decoded, as the SDK would be given them."""
    kind: Any = shape
    if fields := _object(shape, value):
        return {name: _with_bytes(kind.members[name], fields[name]) for name in fields}
    if entries := _entries(shape, value):
        return [_with_bytes(kind.member, entry) for entry in entries]
    return base64.b64decode(str(value), validate=True) if shape.type_name == "blob" else value


def _object(shape: Shape, value: Any) -> Json:
    """The members of a structure; those of a document may be any."""
    kind: Any = shape
    return value if shape.type_name == "structure" and not kind.is_document_type else {}


def _entries(shape: Shape, value: Any) -> list[Any]:
    return value if shape.type_name == "list" else []
