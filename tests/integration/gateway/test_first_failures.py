"""An error, or nothing, with status 200 is a failure before the first byte, on every wire."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.gateway import backend, running_gateway, table
from support.upstream import END, Behaviour, answering, completion, event, running_upstream
from support.upstream import streaming as streaming_behaviour

Json = dict[str, Any]
ASK = {"messages": [{"role": "user", "content": "hi"}]}
CLIENTS: dict[str, Json] = {
    "chat/completions": ASK,
    "messages": {**ASK, "max_tokens": 99},
    "responses": {"input": "hi"},
    "completions": {"prompt": "hi"},
}
MESSAGE = {"type": "message", "role": "assistant", "model": "m", "id": "m1"}
ERRORS = {
    "openai": {"error": {"message": "no capacity", "type": "server_error"}},
    "a text": {"error": "no capacity"},
    "anthropic": {"type": "error", "error": {"type": "overloaded_error", "message": "no capacity"}},
    "responses": {
        "type": "response.failed",
        "response": {"status": "failed", "error": {"message": "no capacity"}},
    },
}
# A provider's protocol and wires → answers that bring nothing.
EMPTY: dict[tuple[str, str], list[Json]] = {
    ("openai", "chat"): [{"id": "c", "choices": []}, {"id": "c", "choices": None}],
    ("openai", "completions"): [{"id": "c", "choices": []}],
    ("openai", "responses"): [{"id": "r", "status": "completed", "output": []}],
    ("anthropic", "messages"): [{**MESSAGE, "content": [], "usage": {"output_tokens": 0}}],
}
SERVED = {  # provider wire → clients it can serve
    "chat": tuple(CLIENTS),
    "messages": tuple(CLIENTS),
    "responses": ("responses",),
    "completions": ("completions",),
}
GOOD = completion("fine")
GOOD_STREAM = streaming_behaviour([event("fine"), END])
PAIRS = [(form, path) for form in EMPTY for path in SERVED[form[1]]]


def failing(form: tuple[str, str], *, stream: bool) -> list[Behaviour]:
    """Every way in which a provider of this form fails with status 200."""
    errors = [json.dumps(error, indent=1).encode() for error in ERRORS.values()]
    empty = [json.dumps(answer).encode() for answer in EMPTY[form]]
    whole = [answering(body) for body in (*errors, *empty)]
    if not stream:
        return whole
    lines = [json.dumps(error).encode() for error in ERRORS.values()]
    return [
        *whole,
        streaming_behaviour([]),
        streaming_behaviour([b": nothing yet\n\n", END]),
        streaming_behaviour([b"event: ping\ndata: {}\n\n", b"data: " + lines[2] + b"\n\n"]),
        *(streaming_behaviour([b": hold on\n\n", b"data:" + line + b"\n\n"]) for line in lines),
        streaming_behaviour([b"event: error\ndata: " + lines[0] + b"\n\n"]),
    ]


@pytest.mark.parametrize(("form", "path"), PAIRS, ids=str)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_the_next_candidate_answers(
    tmp_path: Path, form: tuple[str, str], path: str, *, stream: bool
) -> None:
    body = {**CLIENTS[path], "model": "auto", "stream": stream}
    for number, behaviour in enumerate(failing(form, stream=stream)):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with (
            running_upstream(behaviour) as weak,
            running_upstream(GOOD_STREAM if stream else answering(GOOD)) as strong,
        ):
            first = backend("weak", weak.url)
            first.set("protocol", form[0])
            first.set("wires", [form[1]])
            first.set("retries.attempts", 1)
            second = backend("strong", strong.url)
            second.set("wires", ["chat"])
            async with (
                running_gateway(folder, table(first, second)) as gateway,
                gateway.session.post(f"{gateway.url}/v1/{path}", json=body) as response,
            ):
                answer = await response.read()
                assert response.status == 200, (number, answer)
                assert response.headers["x-weir-model"] == "strong", number
                assert b"fine" in answer
                assert b"no capacity" not in answer


@pytest.mark.parametrize(("form", "path"), PAIRS, ids=str)
async def test_without_another_candidate_the_client_gets_its_own_error(
    tmp_path: Path, form: tuple[str, str], path: str
) -> None:
    async with running_upstream(answering(json.dumps(ERRORS["openai"]).encode())) as upstream:
        only = backend("weak", upstream.url)
        only.set("protocol", form[0])
        only.set("wires", [form[1]])
        async with (
            running_gateway(tmp_path, table(only)) as gateway,
            gateway.session.post(
                f"{gateway.url}/v1/{path}", json={**CLIENTS[path], "model": "auto", "stream": True}
            ) as response,
        ):
            answer = await response.json()
    assert response.status >= 500
    assert "no capacity" in answer["error"]["message"]
    assert (answer.get("type") == "error") is (path == "messages")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"message": "slow down", "type": "rate_limit_error"}, 429),
        ({"message": "Provider returned error", "code": 429}, 429),
        ({"message": "maximum context length is 9 tokens", "code": 400}, 400),
        ({"message": "temperature is odd", "type": "invalid_request_error"}, 400),
        ({"message": "it broke"}, 502),
    ],
)
async def test_the_kind_of_the_error_sets_the_status(
    tmp_path: Path, error: Json, status: int
) -> None:
    async with (
        running_upstream(answering(json.dumps({"error": error}).encode())) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url))) as gateway,
        await gateway.chat(json.dumps({**ASK, "model": "auto"}).encode()) as response,
    ):
        assert response.status == status
        assert str(error["message"]) in (await response.json())["error"]["message"]


@pytest.mark.parametrize("path", CLIENTS)
async def test_json_for_a_stream_becomes_a_stream(tmp_path: Path, path: str) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "gate", "arguments": "{}"}}
    message: Json = {"role": "assistant", "content": "fine"}
    if path != "completions":
        message["tool_calls"] = [call]
    answer = {
        "id": "c1",
        "object": "chat.completion",
        "model": "m",
        "created": 1,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3},
    }
    async with (
        running_upstream(answering(json.dumps(answer).encode())) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url))) as gateway,
        gateway.session.post(
            f"{gateway.url}/v1/{path}", json={**CLIENTS[path], "model": "auto", "stream": True}
        ) as response,
    ):
        assert response.status == 200
        assert response.headers["content-type"] == "text/event-stream"
        body = await response.read()
        metrics = await gateway.metrics()
    assert b"fine" in body
    assert (b"gate" in body) is (path != "completions")
    ends = {"messages": b"message_stop", "responses": b"response.completed"}
    assert ends.get(path, b"[DONE]") in body
    assert 'weir_cost_usd_total{model="weak",policy="shop/chat"} 1e-05' in metrics
