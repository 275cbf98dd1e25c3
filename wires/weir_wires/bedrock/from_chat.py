"""The client speaks OpenAI's chat completions, the provider Bedrock's Converse."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from weir_wires.bedrock import answers
from weir_wires.bedrock.chat_request import FIELDS, translate_request
from weir_wires.chat_to_messages.answer import completion
from weir_wires.chat_to_messages.request import Translated
from weir_wires.chat_to_messages.stream import ChatChunks
from weir_wires.event import Event
from weir_wires.translator import Field, ResponseTranslator, StreamTranslator, TranslatedRequest

Clock = Callable[[], float]  # seconds since 1970

__all__ = ["ChatToConverse"]


def random_id() -> str:
    """Converse's answers have no id; clients expect one."""
    return f"chatcmpl-{uuid.uuid4().hex}"


@dataclass(frozen=True, slots=True)
class ChatToConverse:
    """Answers on OpenAI's wire have a time and an id, which Converse's have not."""

    clock: Clock = time.time
    answer_id: Callable[[], str] = random_id

    @property
    def fields(self) -> tuple[Field, ...]:
        return FIELDS

    def translate(self, body: bytes, model: str) -> TranslatedRequest:
        request = translate_request(body, model)
        response: ResponseTranslator = _Response(self, model, request)
        return TranslatedRequest(request.body, response, request.dropped)


@dataclass(frozen=True, slots=True)
class _Response:
    made_by: ChatToConverse
    model: str
    request: Translated

    def translate(self, body: bytes) -> bytes:
        message = answers.message(body, self.model, self.made_by.answer_id())
        return completion(message, int(self.made_by.clock()), self.request.names)

    def stream(self) -> StreamTranslator:
        created, request = int(self.made_by.clock()), self.request
        chunks = ChatChunks(created, request.names, with_usage=request.usage_in_stream)
        return _Stream(answers.Events(self.model, self.made_by.answer_id()), chunks)


class _Stream:
    __slots__ = ("_chunks", "_events")

    def __init__(self, events: answers.Events, chunks: ChatChunks) -> None:
        self._events = events
        self._chunks = chunks

    def feed(self, event: Event) -> bytes:
        return b"".join(map(self._chunks.take, self._events.read(event)))

    def end(self) -> bytes:
        return b"".join(map(self._chunks.take, self._events.end())) + self._chunks.end()
