"""What is particular to Azure OpenAI's chat completions: what its content filter adds."""

from typing import Any, Final

from support.matrix.chat_writing import DONE, chunk, completion, ends, event
from support.matrix.said import Case, Finish, Json, Said, streamed, whole

SAFE: Final[Json] = {
    name: {"filtered": False, "severity": "safe"}
    for name in ("hate", "self_harm", "sexual", "violence")
}
HATE: Final[Json] = {**SAFE, "hate": {"filtered": True, "severity": "high"}}
PROMPT: Final[Json] = {
    "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": SAFE}]
}
BLANK: Final[Json] = {"id": "", "object": "", "created": 0, "model": ""}
FIRST: Final = event({**BLANK, "choices": [], **PROMPT})
FINE: Final = Said("fine")


def noted(text: str, **fields: Any) -> bytes:
    """A chunk with the filter's results beside its text."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None, "logprobs": None}
    return event({**BLANK, "choices": [{**choice, "content_filter_results": SAFE}], **fields})


def annotation(results: Json, finish: str | None = None) -> bytes:
    """What the asynchronous filter sends: results for a stretch of text, and no delta."""
    offsets = {"check_offset": 44, "start_offset": 44, "end_offset": 198}
    choice = {"index": 0, "finish_reason": finish, "content_filter_results": results}
    return event({**BLANK, "choices": [{**choice, "content_filter_offsets": offsets}]})


ODD_FORMS: Final[list[Case]] = [
    streamed("Azure's first event", [FIRST, noted("fi"), noted("ne"), *ends()], FINE),
    streamed(
        "Azure's asynchronous filter",
        [
            FIRST,
            annotation({}),
            chunk({"role": "assistant", "content": "fi"}),
            annotation(SAFE),
            chunk({"content": "ne"}),
            *ends()[:-1],
            annotation(SAFE),
            DONE,
        ],
        FINE,
    ),
    streamed(
        "Azure's filter ends the answer",
        [FIRST, noted("fine"), annotation(HATE, "content_filter"), *ends("content_filter")[1:]],
        Said("fine", finish=Finish.FILTERED),
    ),
    whole("Azure's results", completion({"content": "fine"}, **PROMPT), FINE),
    whole(
        "Azure's filter leaves nothing",
        completion({}, "content_filter", **PROMPT),
        Said(finish=Finish.FILTERED),
    ),
]
