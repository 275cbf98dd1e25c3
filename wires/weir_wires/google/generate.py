"""generateContent, whole and streamed."""

from typing import Final

from weir_wires.chat_to_gemini import ChatToGemini
from weir_wires.google.answers import GEMINI_ANSWER, GeminiReader, usage_of
from weir_wires.google.errors import GEMINI_ERRORS
from weir_wires.spec import PromptShape, WireSpec
from weir_wires.wire import Wire


def url_of(base: str, model: str, stream: bool) -> str:  # noqa: FBT001 - as `WireSpec.url_of` says
    """The model stands in the path; names may say their collection, such as `tunedModels/`."""
    path = model if "/" in model else f"models/{model}"
    return f"{base}/{path}:" + ("streamGenerateContent?alt=sse" if stream else "generateContent")


GENERATE: Final = WireSpec(
    wire=Wire.GOOGLE_GEMINI,
    path="/models/{model}:generateContent",
    url_of=url_of,
    auth=("x-goog-api-key", ""),
    errors=GEMINI_ERRORS,
    usage=usage_of,
    reader=GeminiReader,
    protocol="gemini",
    version_path="/v1beta",
    translators={Wire.OPENAI_CHAT: ChatToGemini()},
    answer=GEMINI_ANSWER,
    prompt=PromptShape(
        turns="contents",
        system="systemInstruction",
        schemas=(
            ("generationConfig", "responseJsonSchema"),
            ("generationConfig", "responseSchema"),
        ),
    ),
)
