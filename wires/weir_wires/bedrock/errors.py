"""Errors as Bedrock's runtime writes them."""

from typing import Any, Final

from weir_wires.error_shapes import ErrorDetails, json_object, text_field
from weir_wires.openai.errors import OpenAIErrors


class BedrockErrors(OpenAIErrors):
    """`{"message": ...}`, the kind in `__type` or in the header `x-amzn-errortype`.

    No client speaks this wire, so it is only read.
    """

    family = "bedrock"

    def read(self, body: bytes) -> ErrorDetails | None:
        """The message may begin with a capital letter; a kind may have its namespace and URL."""
        fields: dict[str, Any] = json_object(body)
        words = text_field(fields, "message") or text_field(fields, "Message")
        kind = error_kind(text_field(fields, "__type") or text_field(fields, "code") or "")
        if words is None and not kind:
            return None
        return ErrorDetails(words or kind, kind or None, kind or None)


def error_kind(text: str) -> str:
    """`ThrottlingException` of `com.amazon.coral#ThrottlingException:http://...`."""
    return text.partition(":")[0].rpartition("#")[2].strip()


ERROR_TYPE: Final = "x-amzn-errortype"
BEDROCK_ERRORS: Final = BedrockErrors()
