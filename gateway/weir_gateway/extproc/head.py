"""The head of a request or an answer, as Envoy sends it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from weir_gateway.http.auth import RequestHead
from weir_proto.envoy.v3 import external_processor_pb2 as pb

MAX_DIGITS: Final = 18
_METHOD: Final = ":method"
_PATH: Final = ":path"
_STATUS: Final = ":status"


@dataclass(frozen=True, slots=True)
class Head:
    """Header fields, with those whose names begin with a colon apart."""

    headers: Mapping[str, str]  # names in lower case; several lines of one name are one list
    method: str = ""
    target: str = ""  # path and query, as the client wrote them
    status: int = 0  # of an answer

    @property
    def path(self) -> str:
        """The path without its query."""
        return self.target.partition("?")[0]

    @property
    def request(self) -> RequestHead:
        """What keys and errors are found by."""
        query = parse_qsl(self.target.partition("?")[2], keep_blank_values=True)
        return RequestHead(self.headers, self.path, dict(query))

    @property
    def media_type(self) -> str:
        """The Content-Type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def encoding(self) -> str:
        """The Content-Encoding; empty for a plain body."""
        found = self.headers.get("content-encoding", "").strip().lower()
        return "" if found == "identity" else found

    @property
    def length(self) -> int:
        """The body's length in bytes; 0 where the head doesn't say it."""
        return _number(self.headers.get("content-length", ""))


def head_of(message: pb.HttpHeaders) -> Head:
    """Read a head."""
    fields: dict[str, str] = {}
    for name, value in _fields(message.headers.headers):
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return Head(
        headers={name: value for name, value in fields.items() if not name.startswith(":")},
        method=fields.get(_METHOD, ""),
        target=fields.get(_PATH, ""),
        status=_number(fields.get(_STATUS, "")),
    )


def _fields(headers: Iterable[pb.HeaderValue]) -> Iterable[tuple[str, str]]:
    for field in headers:
        raw = field.raw_value
        yield field.key.lower(), raw.decode("utf-8", "surrogateescape") if raw else field.value


def _number(written: str) -> int:
    """0 for what is no number, or one that no length or status has."""
    fits = written.isascii() and written.isdecimal() and len(written) <= MAX_DIGITS
    return int(written) if fits else 0
