"""Anthropic's count of a prompt's tokens, counted by Gemini: of the request that it becomes."""

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from weir_wires.chat_to_gemini import ChatToGemini
from weir_wires.composed import ComposedTranslator
from weir_wires.errors import InvalidBody, MalformedResponse
from weir_wires.messages_to_chat import MessagesToChat
from weir_wires.provider_json import decode_strictly
from weir_wires.translator import Field, StreamTranslator, TranslatedRequest, Translator

_LIMIT: Final = {"max_tokens": 1}  # a message must have one, a count has none
_BODY: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Count(msgspec.Struct, rename="camel"):
    total_tokens: int


_COUNT: Final = msgspec.json.Decoder(_Count)


@dataclass(frozen=True, slots=True)
class MessagesCountToGemini:
    """Counts by `countTokens`."""

    message: Translator = field(
        default_factory=lambda: ComposedTranslator(MessagesToChat(), ChatToGemini())
    )

    @property
    def fields(self) -> tuple[Field, ...]:
        return self.message.fields

    def translate(self, body: bytes, model: str) -> TranslatedRequest:
        try:
            fields: dict[str, Any] = {**_LIMIT, **_BODY.decode(body)}
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            message = f"the body is not a JSON object: {error}"
            raise InvalidBody(message, code="invalid_json") from error
        request = self.message.translate(msgspec.json.encode(fields), model)
        name = model if "/" in model else f"models/{model}"
        counted = {"model": name, **_BODY.decode(request.body)}
        return TranslatedRequest(
            msgspec.json.encode({"generateContentRequest": counted}), _Response()
        )


@dataclass(frozen=True, slots=True)
class _Response:
    def translate(self, body: bytes) -> bytes:
        count = decode_strictly(_COUNT, body, "count of tokens")
        return msgspec.json.encode({"input_tokens": count.total_tokens})

    def stream(self) -> StreamTranslator:
        raise MalformedResponse("a count is not streamed")
