"""Feedback over real sockets: an answer's own header leads to its rating in the file."""

import asyncio
import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import openai
import pytest

from support.gateway import Running, backend, running_gateway, table
from support.upstream import answering, completion, event, running_upstream, streaming

BODY = b'{"model":"auto","messages":[{"role":"user","content":"hi"}]}'
STREAM = b'{"model":"auto","stream":true,"messages":[{"role":"user","content":"hi"}]}'
DONE = b"data: [DONE]\n\n"
KEYS = {"one": "wk-one", "two": "wk-two", "mute": "wk-mute"}


async def decided(running: Running, key: str = "", body: bytes = BODY) -> str:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    async with await running.chat(body, **headers) as response:
        assert response.status == 200
        await response.read()
        return response.headers["x-weir-decision"]


async def give(
    running: Running, said: object, key: str = "", **headers: str
) -> tuple[int, dict[str, object]]:
    sent = {**headers, **({"authorization": f"Bearer {key}"} if key else {})}
    url = f"{running.url}/v1/feedback"
    async with running.session.post(url, json=said, headers=sent) as response:
        told: dict[str, object] = await response.json()
        told["retry"] = response.headers.get("Retry-After")
        return response.status, told


def code(told: dict[str, object]) -> object:
    error = told["error"]
    assert isinstance(error, dict)
    return error["code"]  # pyright: ignore[reportUnknownVariableType] - JSON


def rated(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(
            "SELECT model, rating, weight FROM feedback JOIN ledger USING (decision, key) "
            "WHERE part = 0 ORDER BY feedback.at"
        ).fetchall()


def write_keys(path: Path) -> Path:
    rights: dict[str, dict[str, object]] = {
        "two": {"feedbackWeight": 3},
        "mute": {"feedback": False},
    }
    entries = [
        {
            "name": name,
            "sha256": hashlib.sha256(key.encode()).hexdigest(),
            **rights.get(name, {}),
        }
        for name, key in KEYS.items()
    ]
    path.write_text(json.dumps({"keys": entries}))
    return path


async def test_an_official_client_rates_what_it_got(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    async with running_upstream(answering(completion())) as upstream:
        made = table(backend("weak", upstream.url), backend("strong", upstream.url))
        async with running_gateway(tmp_path, made, [("WEIR_LEDGER", str(path))]) as running:
            client = openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key="none")
            async with client:
                raw = await client.chat.completions.with_raw_response.create(
                    model="auto", messages=[{"role": "user", "content": "hi"}]
                )
                said = {"decision": raw.headers["x-weir-decision"], "thumbs": "up"}
                told = await client.post("/feedback", body=said, cast_to=httpx.Response)
            assert told.json()["replaced"] is False
            assert told.json()["model"] == "weak"
    assert rated(path) == [("weak", 1.0, 1.0)]


async def test_a_running_stream_may_be_rated(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    async with running_upstream(streaming([event("a"), event("b"), DONE])) as upstream:
        made = table(backend("weak", upstream.url))
        async with running_gateway(tmp_path, made, [("WEIR_LEDGER", str(path))]) as running:
            async with await running.chat(STREAM) as response:
                said = {"decision": response.headers["x-weir-decision"], "score": 0.5}
                assert (await give(running, said))[0] == 200
                await response.read()
            status, told = await give(running, {**said, "score": 0.25})
            assert (status, told["replaced"]) == (200, True)
    assert rated(path) == [("weak", 0.25, 1.0)]


async def test_ids_of_others_are_as_unknown_as_any(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    settings = [
        ("WEIR_LEDGER", str(path)),
        ("WEIR_KEYS", str(write_keys(tmp_path / "keys.json"))),
    ]
    async with running_upstream(answering(completion())) as upstream:
        made = table(backend("weak", upstream.url))
        async with running_gateway(tmp_path, made, settings) as running:
            one, mute = [await decided(running, KEYS[name]) for name in ("one", "mute")]
            two = await decided(running, KEYS["two"])
            assert (await give(running, {"decision": two, "score": 1}, KEYS["two"]))[0] == 200
            for id_ in (one, "0" * 32):
                status, told = await give(running, {"decision": id_, "score": 0}, KEYS["two"])
                assert (status, code(told)) == (404, "decision_not_found")
            status, told = await give(running, {"decision": mute, "score": 0}, KEYS["mute"])
            assert (status, code(told)) == (403, "key_not_permitted")
            assert (await give(running, {"decision": one, "score": 0}))[0] == 401
    assert rated(path) == [("weak", 1.0, 3.0)]


async def test_what_is_no_feedback_is_refused(tmp_path: Path) -> None:
    async with running_upstream(answering(completion())) as upstream:
        made = table(backend("weak", upstream.url), backend("strong", upstream.url))
        settings = [("WEIR_LEDGER", str(tmp_path / "ledger.db")), ("WEIR_FEEDBACK_WITHIN", "1ms")]
        async with running_gateway(tmp_path, made, settings) as running:
            id_ = await decided(running)
            assert code((await give(running, {"decision": id_, "score": 1}))[1]) == (
                "decision_too_old"
            )
            status, told = await give(running, {"decision": id_, "score": 2})
            assert (status, code(told)) == (400, "invalid_type")
            assert (await give(running, {"decision": id_, "comment": "x" * 70_000}))[0] == 413
            url = f"{running.url}/v1/feedback"
            async with running.session.get(url) as response:
                assert response.status == 405


async def test_a_gateway_without_a_ledger_says_what_to_set(tmp_path: Path) -> None:
    async with running_gateway(tmp_path, table(backend("weak", "http://127.0.0.1:9"))) as running:
        status, told = await give(running, {"decision": "0" * 32, "score": 1})
        assert (status, code(told)) == (501, "feedback_not_kept")
        assert "WEIR_LEDGER" in str(told)


async def test_a_flood_is_told_when_to_come_again(tmp_path: Path) -> None:
    settings = [("WEIR_LEDGER", str(tmp_path / "ledger.db")), ("WEIR_FEEDBACK_PER_MINUTE", "20")]
    async with running_upstream(answering(completion())) as upstream:
        made = table(backend("weak", upstream.url))
        async with running_gateway(tmp_path, made, settings) as running:
            said = {"decision": await decided(running), "score": 1}
            results = await asyncio.gather(*(give(running, said) for _ in range(100)))
            refused = [told for status, told in results if status == 429]
            assert 75 <= len(refused) <= 80
            assert {code(told) for told in refused} == {"too_much_feedback"}
            assert all(1 <= int(str(told["retry"])) <= 3 for told in refused)
            await decided(running)  # requests are served as ever


@pytest.mark.parametrize("kind", ["corrupt", "folder", "locked", "read-only"])
async def test_a_broken_file_refuses_feedback_and_no_request(tmp_path: Path, kind: str) -> None:
    path = Path("/proc/weir/ledger.db") if kind == "read-only" else tmp_path / "ledger.db"
    if kind == "corrupt":
        path.write_bytes(b"no database at all" * 1000)
    elif kind == "folder":
        path.mkdir()
    with closing(sqlite3.connect(path if kind == "locked" else ":memory:")) as other:
        other.execute("BEGIN EXCLUSIVE")
        async with running_upstream(answering(completion())) as upstream:
            made = table(backend("weak", upstream.url))
            async with running_gateway(tmp_path, made, [("WEIR_LEDGER", str(path))]) as running:
                status, told = await give(running, {"decision": await decided(running), "score": 1})
                assert (status, code(told)) == (503, "feedback_unavailable")
                assert told["retry"] == "1"
                await decided(running)
                other.rollback()


async def test_neighbours_on_one_file_know_each_other_s_decisions(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    settings = [("WEIR_LEDGER", str(path))]
    async with running_upstream(answering(completion())) as upstream:
        made = table(backend("weak", upstream.url))
        async with (
            running_gateway(tmp_path / "a", made, settings) as one,
            running_gateway(tmp_path / "b", made, settings) as two,
        ):
            id_ = await decided(one)
            assert (await give(two, {"decision": id_, "thumbs": "down"}))[0] == 200
    assert rated(path) == [("weak", 0.0, 1.0)]
