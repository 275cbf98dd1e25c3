"""Legacy completions as chat completions, and back."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Completion

from support.translating import Json, answered, as_stream, data, encoded, sent, streamed
from weir_wires.completions_to_chat import CompletionsToChat
from weir_wires.errors import InvalidBody, MalformedResponse, NotCarried
from weir_wires.translator import ResponseTranslator

CREATED = 1_700_000_000
TRANSLATOR = CompletionsToChat(clock=lambda: CREATED)
USAGE: Json = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def chat(model: str = "llama", **fields: Any) -> Json:
    body, outgoing = sent(TRANSLATOR, {"model": "auto", "prompt": "hi", **fields}, model)
    assert not outgoing.dropped
    return body


def response_translator() -> ResponseTranslator:
    return TRANSLATOR.translate(encoded({"prompt": "hi"}), "llama").response


def test_the_prompt_becomes_a_user_message() -> None:
    content = [{"role": "user", "content": "hi"}]
    assert chat() == {"model": "llama", "messages": content, "max_tokens": 16}
    assert chat(prompt=["hi"])["messages"] == content


def test_other_fields_keep_their_names() -> None:
    fields: Json = {
        "max_tokens": 9,
        "temperature": 0.5,
        "n": 2,
        "stop": ["x"],
        "stream": True,
        "stream_options": {"include_usage": True},
        "seed": 7,
        "new_field": {"a": 1},
    }
    assert chat(**fields, best_of=1, echo=False, suffix="") == {
        "model": "llama",
        "messages": [{"role": "user", "content": "hi"}],
        **fields,
    }
    assert chat("o3-mini", max_tokens=9)["max_completion_tokens"] == 9


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("echo", True),
        ("suffix", "end"),
        ("logprobs", 0),
        ("logprobs", 3),
        ("best_of", 2),
        ("prompt", ["a", "b"]),
        ("prompt", [1, 2]),
        ("prompt", [[1, 2]]),
    ],
)
def test_fields_that_cant_be_carried_are_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(NotCarried) as refused:
        chat(**{field: value})
    assert refused.value.param == field


@pytest.mark.parametrize(
    ("field", "value"), [("prompt", None), ("prompt", 7), ("max_tokens", 0), ("max_tokens", "x")]
)
def test_invalid_fields_are_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(InvalidBody) as raised:
        chat(**{field: value})
    assert raised.value.param == field


def completion(*texts: str | None, finish: str = "stop") -> Json:
    choices = [
        {"index": at, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
        for at, text in enumerate(texts)
    ]
    return {"id": "c1", "created": 7, "model": "llama", "choices": choices, "usage": USAGE}


def test_whole_answer() -> None:
    result = answered(response_translator(), completion("a", None))
    assert result == {
        "id": "c1",
        "object": "text_completion",
        "created": 7,
        "model": "llama",
        "choices": [
            {"text": "a", "index": 0, "logprobs": None, "finish_reason": "stop"},
            {"text": "", "index": 1, "logprobs": None, "finish_reason": "stop"},
        ],
        "usage": USAGE,
    }
    Completion.model_validate(result)


@pytest.mark.parametrize("finish", ["stop", "length", "content_filter"])
def test_finish_reasons(finish: str) -> None:
    assert (
        answered(response_translator(), completion("a", finish=finish))["choices"][0][
            "finish_reason"
        ]
        == finish
    )


@pytest.mark.parametrize("body", [b"", b"{}", b'{"choices":[]}', b'{"error":"no"}', b"[1]"])
def test_a_malformed_answer_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedResponse):
        response_translator().translate(body)


def chunk(text: str, index: int = 0, finish: str | None = None) -> Json:
    choice = {"index": index, "delta": {"content": text}, "finish_reason": finish}
    return {"id": "c1", "created": 7, "model": "llama", "choices": [choice]}


def stream(*events: Json, done: bool = True) -> bytes:
    return as_stream(events, named=False) + (b"data: [DONE]\n\n" if done else b"")


@given(st.lists(st.tuples(st.text(max_size=5), st.integers(0, 1)), max_size=8), st.data())
def test_a_stream_cut_anywhere_translates_the_same(
    pieces: list[tuple[str, int]], draw: st.DataObject
) -> None:
    usage: Json = {**chunk(""), "choices": [], "usage": USAGE}
    body = stream(
        *(chunk(text, index) for text, index in pieces),
        chunk("", 0, "stop"),
        chunk("", 1, "length"),
        usage,
    )
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(body)), max_size=5)))
    cut = [body[a:b] for a, b in itertools.pairwise([0, *cuts, len(body)])]
    events = streamed(response_translator(), cut)
    assert events[-1].data == b"[DONE]"
    values = data(events)
    assert values[-1]["usage"] == USAGE
    for index, finish in ((0, "stop"), (1, "length")):
        mine = [c for item in values for c in item["choices"] if c["index"] == index]
        assert "".join(c["text"] for c in mine) == "".join(t for t, i in pieces if i == index)
        assert mine[-1]["finish_reason"] == finish


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"data: [DONE]\n\n",
        stream(chunk("a"), done=False),
        stream(chunk("a")) + b'data: {"error":{"message":"gone"}}\n\n',
        b"data: nothing\n\n",
    ],
)
def test_a_broken_stream_never_looks_complete(body: bytes) -> None:
    with pytest.raises(MalformedResponse):
        streamed(response_translator(), [body])


def test_without_done_a_finish_reason_is_an_end() -> None:
    events = streamed(response_translator(), [stream(chunk("a", finish="stop"), done=False)])
    assert [json.loads(e.data)["choices"][0]["text"] for e in events[:-1]] == ["a"]
    assert events[-1].data == b"[DONE]"
