"""What a provider means by refusing a request: its prompt is too long, its filter declines it.

Providers say so in their own ways: by `code` or `type` (OpenAI, Azure, llama.cpp), or by words
alone (Anthropic, vLLM, Ollama). Must not know sockets.
"""

import re
from typing import Final

import msgspec

from weir_gateway.domain.errors import UpstreamFailure

PROMPT_STATUSES: Final = frozenset({400, 403, 413, 422})  # statuses that may mean the prompt itself
CONTEXT_CODES: Final = frozenset(
    {"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"}
)
FILTER_CODES: Final = frozenset(
    {"content_filter", "content_policy_violation", "responsibleaipolicyviolation"}
)
CONTEXT_WORDS: Final = re.compile(
    r"prompt is too long"
    r"|input (length|is too long)"
    r"|maximum context length"
    r"|exceeds? (the )?(available |maximum |model'?s? )*context"
    r"|context (window|length|size) (is )?(exceeded|limit)",
    re.IGNORECASE,
)
FILTER_WORDS: Final = re.compile(
    r"content (filter|management policy|policy)|blocked by .{0,40}polic", re.IGNORECASE
)


class _Inner(msgspec.Struct):
    code: object = None


class _Error(msgspec.Struct):
    message: object = None
    type: object = None
    code: object = None
    innererror: _Inner | None = None


class _Body(msgspec.Struct):
    error: _Error | None = None


_DECODER: Final = msgspec.json.Decoder(_Body)


def refusal_kind(status: int, body: bytes) -> UpstreamFailure:
    """CONTEXT_LENGTH or CONTENT_FILTER where the provider says so, else STATUS."""
    if status not in PROMPT_STATUSES:
        return UpstreamFailure.STATUS
    try:
        error = _DECODER.decode(body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return UpstreamFailure.STATUS
    if error is None:
        return UpstreamFailure.STATUS
    codes = {str(code).lower() for code in (error.code, error.type, _inner(error)) if code}
    words = error.message if isinstance(error.message, str) else ""
    if codes & CONTEXT_CODES or CONTEXT_WORDS.search(words):
        return UpstreamFailure.CONTEXT_LENGTH
    if codes & FILTER_CODES or FILTER_WORDS.search(words):
        return UpstreamFailure.CONTENT_FILTER
    return UpstreamFailure.STATUS


def _inner(error: _Error) -> object:
    return error.innererror.code if error.innererror is not None else None
