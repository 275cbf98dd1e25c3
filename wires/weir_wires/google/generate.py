"""generateContent, whole and streamed."""

import re
from dataclasses import replace
from typing import Any, Final

import msgspec

from weir_wires.chat_to_gemini import ChatToGemini
from weir_wires.gemini_to_chat import GeminiToChat
from weir_wires.gemini_to_chat.signatures import strip_foreign_thoughts
from weir_wires.google.answers import GEMINI_ANSWER, GeminiReader, usage_of
from weir_wires.google.counting import MessagesCountToGemini
from weir_wires.google.errors import GEMINI_ERRORS
from weir_wires.google.written import gemini_as_stream, gemini_written, has_no_candidate
from weir_wires.provider_json import decode_answer
from weir_wires.spec import Counting, PromptShape, WireSpec
from weir_wires.wire import Wire

_COUNT: Final = msgspec.json.Decoder(dict[str, Any])
_OPENS: Final = re.compile(rb"\s*+\{")
_STREAM: Final = b'{"stream":true,'


def say_stream(body: bytes) -> bytes:
    """A streamed request's body, whose path alone says so, with a field for translators."""
    return _OPENS.sub(_STREAM, body, count=1)


def url_of(base: str, model: str, stream: bool) -> str:  # noqa: FBT001 - as `WireSpec.url_of` says
    """The model stands in the path; names may say their collection, such as `tunedModels/`."""
    path = model if "/" in model else f"models/{model}"
    return f"{base}/{path}:" + ("streamGenerateContent?alt=sse" if stream else "generateContent")


GENERATE: Final = WireSpec(
    wire=Wire.GOOGLE_GEMINI,
    path="/models/{model}:generateContent",
    url_of=url_of,
    say_stream=say_stream,
    auth=("x-goog-api-key", ""),
    errors=GEMINI_ERRORS,
    usage=usage_of,
    reader=GeminiReader,
    protocol="gemini",
    version_path="/v1beta",
    also=frozenset({Wire.GOOGLE_COUNT_TOKENS}),
    # Google's SDK takes a comment for a line of JSON, and skips blank lines.
    ping=b"\r\n",
    prepare=strip_foreign_thoughts,
    translators={Wire.OPENAI_CHAT: ChatToGemini()},
    to_chat=GeminiToChat(),
    answer=GEMINI_ANSWER,
    written=gemini_written,
    empty=has_no_candidate,
    as_stream=gemini_as_stream,
    prompt=PromptShape(
        turns="contents",
        system="systemInstruction",
        schemas=(
            ("generationConfig", "responseJsonSchema"),
            ("generationConfig", "responseSchema"),
        ),
    ),
)


def count_url_of(base: str, model: str, stream: bool) -> str:  # noqa: FBT001 - as `WireSpec.url_of` says
    """Counting streams nothing."""
    del stream
    return url_of(base, model, stream=False).removesuffix("generateContent") + "countTokens"


def no_usage(body: bytes) -> None:
    """Counting is free. Raises MalformedResponse where the answer is no JSON."""
    decode_answer(_COUNT, body)


COUNT_TOKENS: Final = replace(
    GENERATE,
    wire=Wire.GOOGLE_COUNT_TOKENS,
    path="/models/{model}:countTokens",
    url_of=count_url_of,
    counts=Counting(Wire.GOOGLE_GEMINI, "totalTokens"),
    say_stream=None,
    prepare=None,
    usage=no_usage,
    protocol="",
    also=frozenset(),
    translators={Wire.ANTHROPIC_COUNT_TOKENS: MessagesCountToGemini()},
    to_chat=None,
    answer=None,
    written=None,
    empty=None,
    as_stream=None,
    prompt=PromptShape(),
)
