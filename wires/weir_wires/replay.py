"""A stored answer as another request's: with its own id, and what it says back of the request.

Clients store answers by id, and some answers repeat the request's fields. Nothing else changes: the
events of a stream keep their bytes and their order.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from weir_wires.spec import WireSpec

_PREFIX: Final = re.compile(r"^[a-z]+[-_]")  # of an id: it says what kind of object has it
_DATA: Final = re.compile(rb"^data: ?(\{.*\})\r?$", re.MULTILINE)
_RESPONSE: Final = b'"response"'
_NULL: Final = b"null"

_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Named(msgspec.Struct):
    id: str | None = None


class _Answer(msgspec.Struct):
    """A whole answer, or the first event of a stream: where it has its id."""

    id: str | None = None
    message: _Named | None = None
    response: _Named | None = None


_ANSWER: Final = msgspec.json.Decoder(_Answer)


def for_request(wire: WireSpec, answer: bytes, request: bytes, token: str) -> bytes:
    """`answer` for `request`; `token` makes its id unique. Unchanged where it can't be read."""
    answer = _with_id(answer, token)
    if not wire.echoed:
        return answer
    try:
        own = _own(request, wire.echoed)
    except msgspec.DecodeError:
        return answer
    if answer[:1] == b"{":
        return _echoing(answer, own)
    return _DATA.sub(lambda match: _event(match, own), answer)


def _with_id(answer: bytes, token: str) -> bytes:
    first = _DATA.search(answer)
    try:
        read = _ANSWER.decode(answer if first is None else first[1])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return answer
    inner = read.message or read.response
    id_ = read.id or (inner.id if inner is not None else None)
    if not id_:
        return answer
    prefix = _PREFIX.match(id_)
    fresh = (prefix[0] if prefix else "") + token
    return answer.replace(b'"%b"' % id_.encode(), b'"%b"' % fresh.encode())


def _own(request: bytes, echoed: Mapping[str, Any]) -> dict[str, Any]:
    """What the request says of the fields, else what the API says where they are left out."""
    fields = _FIELDS.decode(request)
    return {
        name: fields[name] if bytes(fields.get(name, b"null")) != _NULL else otherwise
        for name, otherwise in echoed.items()
    }


def _event(match: "re.Match[bytes]", own: Mapping[str, Any]) -> bytes:
    if _RESPONSE not in match[1]:
        return match[0]
    try:
        fields: dict[str, Any] = dict(_FIELDS.decode(match[1]))
    except msgspec.DecodeError:
        return match[0]
    response = bytes(fields.get("response", b""))
    if response[:1] != b"{":
        return match[0]
    fields["response"] = msgspec.Raw(_echoing(response, own))
    return b"data: " + msgspec.json.encode(fields)


def _echoing(response: bytes, own: Mapping[str, Any]) -> bytes:
    """A response with `own`; what it never had is added only where the request has it."""
    try:
        fields: dict[str, Any] = dict(_FIELDS.decode(response))
    except msgspec.DecodeError:
        return response
    for name, value in own.items():
        if name in fields or isinstance(value, msgspec.Raw):
            fields[name] = value
    return msgspec.json.encode(fields)
