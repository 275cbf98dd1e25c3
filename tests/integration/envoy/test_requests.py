"""Which requests are decided, refused or passed, and what providers see of them."""

import gzip
import hashlib
import json
from pathlib import Path
from typing import cast

import brotli  # pyright: ignore[reportMissingTypeStubs] - it has none
import pytest

from support.drafts import TableDraft
from support.envoy_world import EASY, HARD, Made, chat, two, world
from support.gateway import backend, table
from support.upstream import Upstream

KEY = "wk-0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
REFUSE = [("WEIR_EXTPROC_UNKNOWN", "refuse")]
MESSAGES = {"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": HARD}]}
RESPONSES = {"model": "auto", "input": HARD}


def both_speak(wire: str) -> Made:
    """A table whose backends speak `wire` alone."""

    def made(weak: Upstream, strong: Upstream) -> TableDraft:
        drafts = [backend("weak", weak.url), backend("strong", strong.url)]
        for draft in drafts:
            draft.set("wires", [wire])
        return table(*drafts)

    return made


@pytest.mark.parametrize(
    ("wire", "path", "body"),
    [
        ("messages", "/v1/messages", MESSAGES),
        ("responses", "/v1/responses", RESPONSES),
        ("responses", "/openai/v1/responses", RESPONSES),
    ],
)
async def test_every_clients_api_is_decided(
    tmp_path: Path, wire: str, path: str, body: dict[str, object]
) -> None:
    async with world(tmp_path, made=both_speak(wire)) as here:
        status, headers, _ = await here.post(json.dumps(body).encode(), path)
        assert (status, headers["x-weir-model"]) == (200, "strong")
        assert json.loads(here.strong.received[0].body) == {**body, "model": "strong-model"}


async def test_counted_tokens_are_routed_like_their_message(tmp_path: Path) -> None:
    async with world(tmp_path, made=both_speak("messages")) as here:
        body = json.dumps(MESSAGES).encode()
        _, headers, _ = await here.post(body, "/v1/messages/count_tokens")
        assert headers["x-weir-model"] == "strong"
        assert here.strong.received[0].path == "/v1/messages/count_tokens"


async def test_nothing_is_translated(tmp_path: Path) -> None:
    def mixed(weak: Upstream, strong: Upstream) -> TableDraft:
        drafts = [backend("weak", weak.url), backend("strong", strong.url)]
        drafts[1].set("wires", ["messages"])
        return table(*drafts)

    async with world(tmp_path, made=mixed) as here:
        _, headers, _ = await here.post(chat(HARD))
        assert headers["x-weir-model"] == "weak"  # the only one that speaks chat
        body = json.dumps(RESPONSES).encode()
        status, _, answer = await here.post(body, "/v1/responses")
        assert status == 400
        assert json.loads(answer)["error"]["code"] == "capability_missing"


def pack(encoding: str, body: bytes) -> bytes:
    if encoding == "gzip":
        return gzip.compress(body)
    return cast("bytes", brotli.compress(body))  # pyright: ignore[reportUnknownMemberType] - untyped


@pytest.mark.parametrize("encoding", ["gzip", "br"])
async def test_packed_bodies_are_read_and_sent_plain(tmp_path: Path, encoding: str) -> None:
    packed = pack(encoding, chat(HARD))
    async with world(tmp_path) as here:
        status, headers, _ = await here.post(packed, content_encoding=encoding)
        assert (status, headers["x-weir-model"]) == (200, "strong")
        (received,) = here.strong.received
        assert received.body == chat(HARD).replace(b'"auto"', b'"strong-model"')
        assert "content-encoding" not in received.headers


async def test_a_packed_body_that_grows_too_large_is_refused(tmp_path: Path) -> None:
    bomb = gzip.compress(chat("x" * 3_000_000))
    async with world(tmp_path, variables=[("WEIR_MAX_BODY", "1MiB")]) as here:
        status, _, answer = await here.post(bomb, content_encoding="gzip")
        assert status == 413
        assert json.loads(answer)["error"]["code"] == "request_too_large"
        status, _, answer = await here.post(b"no gzip", content_encoding="gzip")
        assert (status, json.loads(answer)["error"]["code"]) == (400, "invalid_body")


UNKNOWN = [
    (chat(EASY).replace(b"auto", b"other"), 404, "model_not_found"),
    (b"{no json", 400, "invalid_json"),
]


@pytest.mark.parametrize(("body", "status", "code"), UNKNOWN)
async def test_what_is_unknown_passes_or_is_refused(
    tmp_path: Path, body: bytes, status: int, code: str
) -> None:
    async with world(tmp_path / "pass") as here:
        got, headers, _ = await here.post(body)
        assert (got, here.weak.received[0].body) == (200, body)
        assert "x-weir-model" not in headers
    async with world(tmp_path / "refuse", variables=REFUSE) as here:
        got, _, answer = await here.post(body)
        assert (got, json.loads(answer)["error"]["code"]) == (status, code)
        assert not here.weak.received


async def test_other_paths_methods_and_media_pass(tmp_path: Path) -> None:
    async with world(tmp_path, variables=REFUSE) as here:
        assert (await here.post(chat(EASY), "/v1/images/generations"))[0] == 200
        async with here.session.get(f"{here.envoy.url}/v1/models") as response:
            assert response.status == 200
        async with here.session.post(
            f"{here.envoy.url}/v1/chat/completions", data=b"a=b", headers={"content-type": "x/y"}
        ) as response:
            assert response.status == 200
        assert [received.path for received in here.weak.received] == [
            *("/v1/images/generations", "/v1/models", "/v1/chat/completions")
        ]


async def test_a_client_cannot_choose_the_route_by_itself(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await here.post(chat(EASY), x_weir_model="strong")
        await here.post(chat(EASY), "/v1/elsewhere", x_weir_model="strong")
        await here.post(b"{no json", x_weir_model="strong")
        assert (len(here.weak.received), len(here.strong.received)) == (3, 0)


async def test_limits_refuse_in_the_clients_own_words(tmp_path: Path) -> None:
    def limited(weak: Upstream, strong: Upstream) -> TableDraft:
        made = two(weak, strong)
        made.policies[0].set("limits", {"total": {"requestsPerMinute": 1}})
        for draft in made.backends:
            draft.set("wires", ["messages"])
        return made

    async with world(tmp_path, made=limited) as here:
        body = json.dumps(MESSAGES).encode()
        status, headers, _ = await here.post(body, "/v1/messages")
        assert (status, headers["x-ratelimit-remaining-requests"]) == (200, "0")
        status, headers, answer = await here.post(body, "/v1/messages")
        assert status == 429
        assert json.loads(answer)["type"] == "error"
        assert json.loads(answer)["error"]["type"] == "rate_limit_error"
        assert int(headers["retry-after"]) >= 1
        assert headers["content-type"].startswith("application/json")
        assert len(here.strong.received) == 1


def keys_file(folder: Path) -> str:
    """The path of a file with one client key, KEY."""
    keys = folder / "keys.json"
    entry = {"name": "app", "sha256": hashlib.sha256(KEY.encode()).hexdigest()}
    keys.write_text(json.dumps({"keys": [entry]}))
    return str(keys)


async def test_a_client_key_is_asked_for_and_goes_no_further(tmp_path: Path) -> None:
    async with world(tmp_path, variables=[("WEIR_KEYS", keys_file(tmp_path))]) as here:
        status, _, answer = await here.post(chat(EASY))
        assert (status, json.loads(answer)["error"]["code"]) == (401, "invalid_api_key")
        status, _, _ = await here.post(chat(EASY), authorization=f"Bearer {KEY}")
        assert status == 200
        assert "authorization" not in here.weak.received[0].headers


@pytest.mark.parametrize("unread", [{"content_type": "text/plain"}, {"content_encoding": "x-own"}])
async def test_what_cannot_be_read_needs_a_key_too(tmp_path: Path, unread: dict[str, str]) -> None:
    async with world(tmp_path, variables=[("WEIR_KEYS", keys_file(tmp_path))]) as here:
        status, _, answer = await here.post(chat(EASY), **unread)
        assert (status, json.loads(answer)["error"]["code"]) == (401, "invalid_api_key")
        assert [*here.weak.received, *here.strong.received] == []


async def test_a_client_key_stays_here_where_a_request_passes(tmp_path: Path) -> None:
    variables = [("WEIR_KEYS", keys_file(tmp_path)), ("WEIR_EXTPROC_UNKNOWN", "pass")]
    async with world(tmp_path, variables=variables) as here:
        body = chat(EASY).replace(b"auto", b"other")
        status, _, _ = await here.post(body, authorization=f"Bearer {KEY}")
        (received,) = (*here.weak.received, *here.strong.received)
    assert (status, "authorization" in received.headers) == (200, False)


async def test_bodies_that_wait_are_bounded_together(tmp_path: Path) -> None:
    async with world(tmp_path, variables=[("WEIR_EXTPROC_BUFFER", "1KiB")]) as here:
        status, _, answer = await here.post(chat("x" * 2000))
        assert (status, json.loads(answer)["error"]["code"]) == (503, "overloaded")
        assert (await here.post(chat(EASY)))[0] == 200


async def test_a_conversation_stays_with_its_model(tmp_path: Path) -> None:
    def sticky(weak: Upstream, strong: Upstream) -> TableDraft:
        cheap = backend("weak", weak.url, micro_usd=5_000_000)
        made = table(cheap, backend("strong", strong.url, micro_usd=10_000_000))
        made.policies[0].set("session", {"sticky": "10m"})
        return made

    opening = [{"role": "system", "content": "long " * 4000}, {"role": "user", "content": HARD}]
    later = [*opening, {"role": "assistant", "content": "so"}, {"role": "user", "content": EASY}]
    async with world(tmp_path, made=sticky) as here:
        reasons: list[str] = []
        for messages in (opening, later):
            fields = {"model": "auto", "messages": messages, "max_tokens": 10}
            _, headers, _ = await here.post(json.dumps(fields).encode())
            assert headers["x-weir-model"] == "strong"
            reasons.append(headers["x-weir-reason"])
    assert reasons == ["scored", "sticky"]
