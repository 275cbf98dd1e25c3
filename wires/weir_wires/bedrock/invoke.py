"""InvokeModel for Claude: Anthropic's own body and events, in Bedrock's URL and framing.

A stream's messages hold Anthropic's events as base64.
"""

import binascii
from typing import Final

import msgspec

from weir_wires.anthropic.messages import MessagesReader, usage_of
from weir_wires.anthropic.written import messages_written
from weir_wires.bedrock import betas
from weir_wires.bedrock.converse import model_url
from weir_wires.bedrock.errors import BEDROCK_ERRORS, ERROR_TYPE
from weir_wires.bedrock.from_messages import ChatToInvoke, MessagesToInvoke
from weir_wires.errors import MalformedResponse
from weir_wires.event import Event
from weir_wires.event_stream import EXCEPTION, MEDIA_TYPE, EventStreamReader
from weir_wires.framing import Framing
from weir_wires.provider_json import decode_strictly
from weir_wires.spec import WireSpec
from weir_wires.wire import Wire

BEDROCK_INVOKE: Final = Wire("bedrock.invoke")


class _Chunk(msgspec.Struct):
    bytes: str = ""


class _Typed(msgspec.Struct):
    type: str = ""


_CHUNK: Final = msgspec.json.Decoder(_Chunk)
_TYPED: Final = msgspec.json.Decoder(_Typed)


class ChunkReader:
    """Reads the events that a stream's messages hold."""

    __slots__ = ("_messages",)

    def __init__(self) -> None:
        self._messages = EventStreamReader()

    def feed(self, chunk: bytes) -> list[Event]:
        """Anthropic's events, named as its own server-sent events are."""
        return [_unwrapped(event) for event in self._messages.feed(chunk)]

    def rest(self) -> list[Event]:
        return self._messages.rest()


def _unwrapped(event: Event) -> Event:
    if event.name.startswith(EXCEPTION):
        return event
    try:
        data = binascii.a2b_base64(decode_strictly(_CHUNK, event.data, "chunk").bytes)
    except binascii.Error as error:
        raise MalformedResponse(f"a chunk of the stream is not base64: {error}") from error
    return Event(decode_strictly(_TYPED, data, "event of Anthropic's").type, data)


def _url(base: str, model: str, stream: bool) -> str:  # noqa: FBT001 - as `WireSpec.url_of` says
    return model_url(base, model, "invoke-with-response-stream" if stream else "invoke")


INVOKE: Final = WireSpec(
    wire=BEDROCK_INVOKE,
    path="/invoke",
    url_of=_url,
    framing=Framing(MEDIA_TYPE, ChunkReader),
    auth=("authorization", "Bearer "),
    errors=BEDROCK_ERRORS,
    error_header=ERROR_TYPE,
    usage=usage_of,
    reader=MessagesReader,
    adopt=betas.adopt,
    written=messages_written,
    translators={Wire.ANTHROPIC_MESSAGES: MessagesToInvoke(), Wire.OPENAI_CHAT: ChatToInvoke()},
)
