"""Bedrock's Converse and ConverseStream: one form for all of its models."""

from typing import Any, Final
from urllib.parse import quote

import msgspec

from weir_wires.bedrock.answers import converse_written
from weir_wires.bedrock.errors import BEDROCK_ERRORS, ERROR_TYPE
from weir_wires.bedrock.from_chat import ChatToConverse
from weir_wires.content import Usage
from weir_wires.event import Event
from weir_wires.framing import AWS_EVENT_STREAM
from weir_wires.provider_json import decode_answer, decode_event
from weir_wires.spec import WireSpec
from weir_wires.usage import bedrock
from weir_wires.wire import Wire

BEDROCK_CONVERSE: Final = Wire("bedrock.converse")


class _Counted(msgspec.Struct, rename="camel"):
    usage: Any = None
    service_tier: Any = None


_COUNTED: Final = msgspec.json.Decoder(_Counted)


def usage_of(body: bytes) -> Usage | None:
    """The usage of a whole answer; None where it reports none. Raises MalformedResponse."""
    return _usage(decode_answer(_COUNTED, body))


class ConverseReader:
    """`messageStop` says that nothing is missing; `metadata`, with the usage, is the last."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.complete = False
        self.last = False

    def feed(self, event: Event) -> None:
        if event.name == "messageStop":
            self.complete = True
        if event.name == "metadata":
            self.last = self.complete
            self.usage = _usage(decode_event(_COUNTED, event.data)) or self.usage


def _usage(counted: _Counted | None) -> Usage | None:
    return bedrock.read(counted.usage, counted.service_tier) if counted is not None else None


def model_url(base: str, model: str, action: str) -> str:
    """The URL of an action of a model; its id may be an ARN, with slashes and colons."""
    return f"{base}/model/{quote(model, safe='')}/{action}"


def _url(base: str, model: str, stream: bool) -> str:  # noqa: FBT001 - as `WireSpec.url_of` says
    return model_url(base, model, "converse-stream" if stream else "converse")


CONVERSE: Final = WireSpec(
    wire=BEDROCK_CONVERSE,
    path="/converse",
    url_of=_url,
    framing=AWS_EVENT_STREAM,
    auth=("authorization", "Bearer "),
    errors=BEDROCK_ERRORS,
    error_header=ERROR_TYPE,
    usage=usage_of,
    reader=ConverseReader,
    written=converse_written,
    translators={Wire.OPENAI_CHAT: ChatToConverse()},
)
