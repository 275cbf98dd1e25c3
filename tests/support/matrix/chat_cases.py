"""What is particular to servers of chat completions.

The names say which servers are known for a form, where it is one's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from support.matrix import azure_cases
from support.matrix.chat_calls import CALLS
from support.matrix.chat_writing import AROUND, DONE, USAGE, chunk, completion, ends, event
from support.matrix.said import (
    OSLO,
    TOOL_NAME,
    Called,
    Case,
    Finish,
    Json,
    Kind,
    Said,
    streamed,
    whole,
)

FINE = Said("fine")
THOUGHT = Said("fine", thinking="Let me see.")
CALL = Said(calls=(Called(TOOL_NAME, OSLO, "call_1"),), finish=Finish.CALLS)
LOST = "\ufffd"


def _both(name: str, message: Json, said: Said, finish: str = "stop", **around: Any) -> list[Case]:
    """The same message whole and in one chunk."""
    return [
        whole(name, completion(message, finish, **around), said),
        streamed(name, [chunk(message, **around), *ends(finish)], said),
    ]


def _choice(**fields: Any) -> Json:
    choice = {"index": 0, "message": {"content": "fine"}, "finish_reason": "stop"}
    return {"choices": [{**choice, **fields}]}


def _part(kind: str, **fields: Any) -> Json:
    return {"type": kind, **fields}


_FUNCTION: Json = {"name": TOOL_NAME, "arguments": {"city": "Oslo"}}
_CALLED: list[Json] = [{"id": "call_1", "type": "function", "function": _FUNCTION}]
_MISTRAL: list[Json] = [
    _part("thinking", thinking=[_part("text", text="Let me "), _part("text", text="see.")]),
    _part("text", text="fine"),
]
_NULLS: Json = dict.fromkeys(
    ("refusal", "tool_calls", "function_call", "reasoning", "reasoning_content", "audio", "name")
)

CONTENT: list[Case] = [
    *_both(
        "a list of texts", {"content": [_part("text", text="fi"), _part("text", text="ne")]}, FINE
    ),
    *_both("parts without a type", {"content": [{"text": "fi"}, "ne"]}, FINE),
    *_both("one part as an object", {"content": _part("text", text="fine")}, FINE),
    *_both("parts with nulls", {"content": [None, _part("text", text="fine", x=None)]}, FINE),
    *_both(
        "a text of null", {"content": [_part("text", text=None), _part("text", text="fine")]}, FINE
    ),
    *_both("an unknown part", {"content": [_part("new"), _part("text", text="fine")]}, FINE),
    *_both(
        "a part of refusal",
        {"content": [_part("refusal", refusal="I won't.")]},
        Said("I won't.", refused=True),
    ),
    *_both("a number", {"content": 42}, Said("42")),
    *_both("nulls everywhere", {"content": "fine", **_NULLS}, FINE),
    *_both("Mistral's thinking", {"content": _MISTRAL}, THOUGHT),
    *_both("a half character", {"content": "a\ud83d"}, Said(f"a{LOST}")),
]
REASONING: list[Case] = [
    *_both("reasoning", {"reasoning": "Let me see.", "content": "fine"}, THOUGHT),
    *_both(
        "reasoning twice",
        {"reasoning": "Let me see.", "reasoning_content": "Let me see.", "content": "fine"},
        THOUGHT,
    ),
    *_both(
        "reasoning as an object",
        {"reasoning": {"content": "Let me see."}, "content": "fine"},
        THOUGHT,
    ),
    *_both(
        "empty details", {"content": "fine", "reasoning_details": [], "thinking_blocks": None}, FINE
    ),
    *_both("odd details", {"content": "fine", "reasoning_details": [None, 1, {"type": 2}]}, FINE),
]
AROUND_IT: list[Case] = [
    *_both("a float of created", {"content": "fine"}, FINE, created=1.7e9),
    *_both("a text of created", {"content": "fine"}, FINE, created="1700000000"),
    *_both("no id", {"content": "fine"}, FINE, id=None),
    *_both("a number as id", {"content": "fine"}, FINE, id=17),
    *_both("an empty error", {"content": "fine"}, FINE, error={}),
    *_both("an error of nothing", {"content": "fine"}, FINE, error={"message": "", "code": None}),
    *_both("an error of false", {"content": "fine"}, FINE, error=False),
    whole("an index of null", completion({}, **_choice(index=None)), FINE),
    whole("an index of text", completion({}, **_choice(index="0")), FINE),
    whole("numbered from 1", completion({}, **_choice(index=1)), FINE),
    whole("no finish reason", completion({"content": "fine"}, None), FINE),
    whole("an unknown finish reason", completion({"content": "fine"}, "eos_token"), FINE),
    whole(
        "a finish reason in capitals",
        completion({"content": "fine"}, "MAX_TOKENS"),
        replace(FINE, finish=Finish.LENGTH),
    ),
    whole(
        "Mistral's finish reason",
        completion({"content": "fine"}, "model_length"),
        replace(FINE, finish=Finish.LENGTH),
    ),
    whole(
        "SGLang's stop reason", completion({}, **_choice(stop_reason=128009, matched_stop=1)), FINE
    ),
    whole(
        "a finish reason that is an object",
        completion({}, **_choice(finish_reason=_part("stop"))),
        FINE,
    ),
    whole(
        "calls that ended in stop",
        completion({"content": None, "tool_calls": _CALLED}, "stop"),
        CALL,
    ),
    whole(
        "another choice",
        completion(
            {},
            choices=[
                _choice(index=1, message={"content": "other"})["choices"][0],
                _choice()["choices"][0],
            ],
        ),
        FINE,
    ),
    whole("a choice of null", completion({}, choices=[None, _choice()["choices"][0]]), FINE),
    whole("a message of text", completion({}, **_choice(message="fine")), FINE),
    whole("a legacy text", completion({}, **_choice(message=None, text="fine")), FINE),
    whole(
        "a delta in place of the message",
        completion({}, **_choice(message=None, delta={"content": "fine"})),
        FINE,
    ),
    whole(
        "counts as floats",
        completion({"content": "fine"}, usage={k: float(v) for k, v in USAGE.items()}),
        FINE,
    ),
    whole(
        "counts as texts",
        completion({"content": "fine"}, usage={k: str(v) for k, v in USAGE.items()}),
        FINE,
    ),
    whole(
        "a number that JSON has not",
        completion({"content": "fine"}).replace(
            b'"created": 1', b'"created": NaN, "logprob": -Infinity'
        ),
        FINE,
    ),
    whole(
        "a line break within a text",
        completion({"content": "a@b"}).replace(b"a@b", b"a\nb"),
        Said("a\nb"),
    ),
    whole(
        "a cut character",
        completion({"content": "a@b"}).replace(b"a@b", b"a\xf0\x9fb"),
        Said(f"a{LOST}b"),
    ),
    whole("a byte order mark", b"\xef\xbb\xbf" + completion({"content": "fine"}), FINE),
]
STREAMS: list[Case] = [
    streamed("a delta of null", [chunk(None), chunk({"content": "fine"}), *ends()], FINE),
    streamed(
        "a role in every chunk",
        [chunk({"role": "assistant", "content": t}) for t in ("fi", "ne")] + ends(),
        FINE,
    ),
    streamed(
        "nulls in every chunk",
        [chunk({"content": t, **_NULLS}) for t in ("fi", "ne")] + ends(),
        FINE,
    ),
    streamed(
        "no choices at first",
        [
            event({**AROUND, "choices": [], "prompt_filter_results": []}),
            chunk({"content": "fine"}),
            *ends(),
        ],
        FINE,
    ),
    streamed(
        "choices of null",
        [event({**AROUND, "choices": None}), chunk({"content": "fine"}), *ends()],
        FINE,
    ),
    streamed(
        "an index of null",
        [event({**AROUND, "choices": [{"index": None, "delta": {"content": "fine"}}]}), *ends()],
        FINE,
    ),
    streamed(
        "no index", [event({**AROUND, "choices": [{"delta": {"content": "fine"}}]}), *ends()], FINE
    ),
    streamed(
        "numbered from 1",
        [
            event(
                {
                    **AROUND,
                    "choices": [
                        {"index": 1, "delta": {"content": "fine"}, "finish_reason": "stop"}
                    ],
                }
            ),
            ends()[1],
            DONE,
        ],
        FINE,
    ),
    streamed(
        "a message in place of the delta",
        [event({**AROUND, "choices": [{"index": 0, "message": {"content": "fine"}}]}), *ends()],
        FINE,
    ),
    streamed("the end without `[DONE]`", [chunk({"content": "fine"}), *ends()[:-1]], FINE),
    streamed(
        "no space after the colon",
        [chunk({"content": "fine"}).replace(b"data: ", b"data:"), *ends()],
        FINE,
    ),
    streamed("named events", [b"event: chunk\n" + chunk({"content": "fine"}), *ends()], FINE),
    streamed(
        "comments between",
        [b": OPENROUTER PROCESSING\n\n", chunk({"content": "fine"}), b": ping\n\n", *ends()],
        FINE,
    ),
    streamed(
        "no blank line at the end", [chunk({"content": "fine"}), *ends()[:-1], DONE.rstrip()], FINE
    ),
    streamed(
        "a cut character",
        [chunk({"content": "a@b"}).replace(b"a@b", b"a\xf0\x9fb"), *ends()],
        Said(f"a{LOST}b"),
    ),
]
ODD_FORMS: list[Case] = [
    *azure_cases.ODD_FORMS,
    *CONTENT,
    *REASONING,
    *AROUND_IT,
    *STREAMS,
    whole(
        "arguments as an object",
        completion({"content": None, "tool_calls": _CALLED}, "tool_calls"),
        CALL,
    ),
    whole(
        "a call in the oldest form",
        completion(
            {"content": None, "function_call": {"name": TOOL_NAME, "arguments": OSLO}},
            "function_call",
        ),
        replace(CALL, calls=(Called(TOOL_NAME, OSLO),)),
    ),
    whole(
        "a call without `function`",
        completion(
            {
                "content": None,
                "tool_calls": [{"id": "call_1", "name": TOOL_NAME, "arguments": {"city": "Oslo"}}],
            },
            "tool_calls",
        ),
        CALL,
    ),
    whole(
        "one call, not in a list",
        completion({"content": None, "tool_calls": _CALLED[0]}, "tool_calls"),
        CALL,
    ),
    whole("calls of null", completion({"content": "fine", "tool_calls": [None]}), FINE),
]
UNREADABLE: list[Case] = [
    whole("no JSON", b"<html>", None),
    whole("cut JSON", completion({"content": "fine"})[:-9], None),
    whole("a list", b"[1]", None),
    whole("no choices", completion({}, choices=[]), None),
    whole("a server that gave up", completion({"content": "fi"}, "error"), None),
    streamed("no chunk", [b"data: {{{\n\n", DONE], None),
    streamed("no end", [chunk({"content": "fine"})], None),
    streamed(
        "a server that gave up",
        [chunk({"content": "fi"}), *ends("insufficient_system_resource")],
        None,
    ),
    streamed(
        "an error",
        [chunk({"content": "fi"}), event({"error": {"message": "overloaded", "code": 529}})],
        None,
    ),
]
CASES: Mapping[Kind, Sequence[Case]] = {
    Kind.ODD_FORMS: ODD_FORMS,
    Kind.CALLS: CALLS,
    Kind.UNREADABLE: UNREADABLE,
}
