"""Invalid files, forms and batches; access by key; a gateway with batches disabled."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest

from support.batches import (
    CHAT,
    anthropic_backend,
    batch_gateway,
    direct_table,
    item,
    jsonl,
    mock_provider,
    openai_backend,
    read_lines,
    stored_status,
    submit,
    wait_for_end,
)
from support.gateway import Running, running_gateway
from support.polling import eventually

SMALL = (("WEIR_BATCH_FILE_BYTES", "1MiB"), ("WEIR_MAX_BODY", "64KiB"))
NOWHERE = "http://127.0.0.1:9"
BOUNDARY = "x" * 20
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[Running, openai.AsyncOpenAI]]:
    """Run a gateway whose provider is unreachable: invalid input must not get that far."""
    message = direct_table(openai_backend("weak", NOWHERE, batches=True))
    async with batch_gateway(tmp_path, message, *SMALL) as both:
        yield both


@pytest.mark.parametrize(
    ("data", "code", "line"),
    [
        (b"", "empty_file", None),
        (jsonl([item("a")]) + b"{nonsense\n", "invalid_json_line", 2),
        (jsonl([item("a"), item("b"), item("a")]), "duplicate_custom_id", 3),
        (jsonl([item("a"), {**item("b"), "url": "/v1/embeddings"}]), "mismatched_endpoint", 2),
        (jsonl([{**item("a"), "method": "GET"}]), "invalid_method", 1),
        (
            jsonl([{"custom_id": "a", "method": "POST", "url": CHAT}]),
            "missing_required_parameter",
            1,
        ),
        (b"x" * 900_000, "line_too_long", 1),
    ],
)
async def test_an_invalid_file_fails_its_batch(
    served: tuple[Running, openai.AsyncOpenAI], data: bytes, code: str, line: int | None
) -> None:
    _, client = served
    failed = await wait_for_end(client, (await submit(client, data)).id)
    assert failed.status == "failed"
    assert failed.failed_at is not None
    assert failed.errors is not None
    assert failed.errors.data is not None
    assert [(error.code, error.line) for error in failed.errors.data] == [(code, line)]
    assert failed.output_file_id is None
    with pytest.raises(openai.ConflictError):
        await client.batches.cancel(failed.id)


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"completion_window": "1 fortnight"}, "completion_window"),
        ({"completion_window": "900h"}, "completion_window"),
        ({"completion_window": "-1h"}, "completion_window"),
        ({"endpoint": "/v1/videos"}, "endpoint"),
        ({"metadata": {str(n): "x" for n in range(17)}}, "metadata"),
        ({"metadata": {"a": "x" * 513}}, "metadata"),
    ],
)
async def test_rejects_an_invalid_batch(
    served: tuple[Running, openai.AsyncOpenAI], changes: dict[str, Any], param: str
) -> None:
    _, client = served
    with pytest.raises(openai.BadRequestError) as refused:
        await submit(client, [item("a")], **changes)
    assert refused.value.param == param


async def test_rejects_a_file_that_is_too_large_and_stores_nothing(
    served: tuple[Running, openai.AsyncOpenAI], tmp_path: Path
) -> None:
    running, client = served
    with pytest.raises(openai.APIStatusError) as refused:
        await client.files.create(file=("in.jsonl", b"x" * (2 << 20)), purpose="batch")
    assert refused.value.status_code == 413

    async def chunked() -> AsyncIterator[bytes]:
        head = 'Content-Disposition: form-data; name="file"; filename="a"'
        yield f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode()
        for _ in range(40):
            yield b"x" * (1 << 16)

    async with running.session.post(
        f"{running.url}/v1/files", data=chunked(), headers=FORM
    ) as answer:
        assert answer.status == 413

    async def deleted() -> bool:
        return not list((tmp_path / "batches" / "files").iterdir())

    await eventually(deleted)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", {"Content-Type": "application/json"}, 415),
        (b"no form", FORM, 400),
        (b"", {"Content-Type": "multipart/form-data"}, 400),
        (f"--{BOUNDARY}--\r\n".encode(), FORM, 400),
        (b"--" + BOUNDARY.encode() + b"\r\n\r\nx", FORM, 400),
    ],
)
async def test_rejects_an_invalid_form(
    served: tuple[Running, openai.AsyncOpenAI], body: bytes, headers: dict[str, str], status: int
) -> None:
    running, _ = served
    async with running.session.post(
        f"{running.url}/v1/files", data=body, headers=headers
    ) as answer:
        assert answer.status == status
        assert (await answer.json())["error"]["message"]


async def test_stores_only_files_for_batches(
    served: tuple[Running, openai.AsyncOpenAI],
) -> None:
    running, client = served
    with pytest.raises(openai.BadRequestError, match="purpose"):
        await client.files.create(file=("in.jsonl", b"{}"), purpose="fine-tune")
    form = aiohttp.FormData()
    form.add_field("file", b"{}", filename="first.jsonl")  # the file before its purpose
    form.add_field("purpose", "batch")
    async with running.session.post(f"{running.url}/v1/files", data=form) as answer:
        assert answer.status == 200
    assert [f.filename async for f in client.files.list()] == ["first.jsonl"]
    with pytest.raises(openai.BadRequestError, match="limit"):
        await client.batches.list(limit=1000)
    with pytest.raises(openai.NotFoundError):
        await client.files.retrieve("../batches.db")


async def test_an_invalid_item_fails_alone(tmp_path: Path) -> None:
    async with mock_provider() as provider:
        message = direct_table(openai_backend("weak", provider.url, batches=True))
        async with batch_gateway(tmp_path, message) as (_, client):
            requests: list[Any] = [
                item("fine"),
                item("streams", stream=True),
                item("unknown", "nobody"),
                {**item("empty"), "body": {"model": "auto", "messages": []}},
            ]
            done = await wait_for_end(client, (await submit(client, requests)).id)
            assert done.status == "completed"
            bad = await read_lines(client, done.error_file_id)
            codes = {line["custom_id"]: line["response"]["status_code"] for line in bad}
            assert codes == {"streams": 400, "unknown": 404, "empty": 400}
            (good,) = await read_lines(client, done.output_file_id)
            assert good["custom_id"] == "fine"


async def test_a_key_sees_only_its_own_files_and_batches(tmp_path: Path) -> None:
    keys = {"a": "wk-a" + "0" * 40, "b": "wk-b" + "0" * 40}
    file = tmp_path / "keys.json"
    _write(file, keys)
    settings = [("WEIR_KEYS", str(file)), ("WEIR_KEYS_CHECK", "10ms")]
    async with mock_provider() as provider:
        message = direct_table(openai_backend("weak", provider.url, batches=False))
        async with batch_gateway(tmp_path, message, *settings) as (_, client):
            mine, other = (client.with_options(api_key=key) for key in keys.values())
            done = await wait_for_end(mine, (await submit(mine, [item("x")])).id)
            assert done.output_file_id is not None
            for refused in (
                other.batches.retrieve(done.id),
                other.batches.cancel(done.id),
                other.files.retrieve(done.output_file_id),
                other.files.content(done.output_file_id),
                other.files.delete(done.output_file_id),
                submitted_of(other, done.input_file_id),
            ):
                with pytest.raises(openai.NotFoundError):
                    await refused
            assert [b async for b in other.batches.list()] == []
            assert [f async for f in other.files.list()] == []


async def test_revoking_a_key_cancels_its_batches(tmp_path: Path) -> None:
    keys = {"a": "wk-a" + "0" * 40, "b": "wk-b" + "0" * 40}
    file = tmp_path / "keys.json"
    _write(file, keys)
    settings = [("WEIR_KEYS", str(file)), ("WEIR_KEYS_CHECK", "10ms"), ("WEIR_BATCH_CALLS", "1")]
    async with mock_provider() as provider:
        message = direct_table(openai_backend("weak", provider.url, batches=False))
        async with batch_gateway(tmp_path, message, *settings) as (_, client):
            mine = client.with_options(api_key=keys["a"])
            batch = await submit(mine, [item(f"q{n}", text=f"q {n}") for n in range(2000)])
            _write(file, {"b": keys["b"]})

            async def refused() -> bool:
                try:
                    await mine.batches.retrieve(batch.id)
                except openai.AuthenticationError:
                    return True
                return False

            await eventually(refused)

            async def ended() -> bool:
                return await asyncio.to_thread(stored_status, tmp_path, batch.id) == "cancelled"

            await eventually(ended)
            _write(file, keys)  # a key of the same name sees the same batches again

            async def shown() -> bool:
                return await _status(mine, batch.id) == "cancelled"

            await eventually(shown)
        assert provider.server.stats.of("weak-model").requests < 2000


async def test_every_endpoint_can_be_batched(tmp_path: Path) -> None:
    async with mock_provider() as provider:
        weak = openai_backend("weak", provider.url, batches=True)
        weak.spec["wires"] = ["chat", "responses", "completions", "embeddings"]
        strong = anthropic_backend("strong", provider.url)
        chat = {"messages": [{"role": "user", "content": "hi"}]}
        bodies: dict[str, dict[str, Any]] = {
            "/v1/responses": {"input": "hi"},
            "/v1/completions": {"prompt": "hi"},
            "/v1/embeddings": {"input": "hi"},
            "/v1/messages": {**chat, "max_tokens": 50},
            CHAT: chat,
        }
        async with batch_gateway(tmp_path, direct_table(weak, strong)) as (_, client):
            for endpoint, body in bodies.items():
                models = ["weak"] if endpoint == "/v1/embeddings" else ["weak", "strong"]
                requests = [
                    {
                        "custom_id": model,
                        "method": "POST",
                        "url": endpoint,
                        "body": {**body, "model": model},
                    }
                    for model in models
                ]
                batch = await submit(client, requests, endpoint=endpoint)
                done = await wait_for_end(client, batch.id)
                results = await read_lines(client, done.output_file_id)
                assert [line["custom_id"] for line in results] == models, endpoint
                shapes = {_shape(line["response"]["body"]) for line in results}
                assert len(shapes) == 1, endpoint
        assert {line["requests"] for line in provider.model_stats().values()} == {0}


async def test_answers_that_batches_are_disabled_without_a_folder(tmp_path: Path) -> None:
    message = direct_table(openai_backend("weak", NOWHERE, batches=False))
    async with (
        running_gateway(tmp_path, message) as running,
        openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key="x", max_retries=0) as client,
    ):
        with pytest.raises(openai.NotFoundError, match="WEIR_BATCHES"):
            await client.files.create(file=("a.jsonl", b"{}"), purpose="batch")
        with pytest.raises(openai.NotFoundError, match="WEIR_BATCHES"):
            await client.batches.list()


async def submitted_of(client: openai.AsyncOpenAI, file_id: str) -> object:
    return await client.batches.create(
        input_file_id=file_id, endpoint=CHAT, completion_window="24h"
    )


async def _status(client: openai.AsyncOpenAI, batch_id: str) -> str:
    try:
        return (await client.batches.retrieve(batch_id)).status
    except openai.AuthenticationError:
        return ""


def _write(file: Path, keys: dict[str, str]) -> None:
    entries = [
        {"name": name, "sha256": hashlib.sha256(key.encode()).hexdigest()}
        for name, key in keys.items()
    ]
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps({"keys": entries}))
    fresh.replace(file)


def _shape(body: dict[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(str(body.get(name)) for name in ("object", "type")))
