"""Why an answer ended, in the words that servers have for it."""

from enum import StrEnum
from typing import Final


class Finish(StrEnum):
    """In OpenAI's words."""

    STOP = "stop"
    LENGTH = "length"
    CALLS = "tool_calls"
    FILTER = "content_filter"
    FAILED = "error"  # the server gave up: what came before is only a part


_WORDS: Final = {
    Finish.LENGTH: "length max_tokens max_output_tokens model_length max_length "
    "model_context_window_exceeded",
    Finish.CALLS: "tool_calls tool_call tool_use function_call function_calls",
    Finish.FILTER: "content_filter content_filtered safety recitation refusal blocklist "
    "prohibited_content spii language image_safety guardrail_intervened sensitive",
    Finish.FAILED: "error abort aborted cancelled insufficient_system_resource "
    "malformed_function_call network_error engine_overloaded",
}
_FINISHES: Final = {word: finish for finish, words in _WORDS.items() for word in words.split()}


def finish_of(reason: str | None) -> Finish | None:
    """A server's reason; None while there is none. One that is unknown is an ordinary end."""
    if not reason:
        return None
    return _FINISHES.get(reason.lower().replace("-", "_"), Finish.STOP)
