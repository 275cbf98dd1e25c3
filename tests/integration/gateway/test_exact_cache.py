"""The exact cache over real sockets: what is given again, what is not, and what it costs."""

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI
from openai.types.responses import Response

from support.accounting import metric
from support.caches import cached_table, chat, without_id
from support.gateway import Running, running_gateway, running_scorer
from support.polling import eventually
from support.scorer_server import ScriptedScorer
from support.upstream import (
    END,
    USAGE_EVENT,
    Exchange,
    Upstream,
    answering,
    completion,
    event,
    running_upstream,
    stalling,
    streaming,
)
from weir_cli.ledger.sums import read_sums

PROMPT_TOKENS, OUTPUT_TOKENS = 1000, 500
ANSWER = completion(prompt=PROMPT_TOKENS, output=OUTPUT_TOKENS)
TOLD = without_id(ANSWER)
ASKING: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
STREAM = [event("a weir "), event("holds water"), USAGE_EVENT, END]


async def asked(running: Running, body: bytes, **headers: str) -> tuple[str, bytes]:
    """What x-weir-cache says, and the answer's bytes."""
    async with await running.chat(body, **headers) as response:
        assert response.status == 200, await response.text()
        return response.headers["x-weir-cache"], without_id(await response.read())


@pytest.mark.parametrize("stream", [False, True])
async def test_each_asker_gets_an_answer_about_its_own_request(
    tmp_path: Path, *, stream: bool
) -> None:
    """A Responses client finds its own metadata, user and id, asked at once or after another."""
    provider = streaming(STREAM) if stream else answering(ANSWER)
    made = cached_table("", scope="policy")
    async with running_upstream(provider) as upstream:
        made.backends[0].spec["endpoint"] = f"{upstream.url}/v1"
        async with running_gateway(tmp_path, made) as running:
            client = AsyncOpenAI(base_url=f"{running.url}/v1", api_key="k", max_retries=0)

            async def answered(who: str) -> Response:
                own: dict[str, Any] = {"user": who, "metadata": {"metadata_of": who}}
                fields: dict[str, Any] = {"model": "auto", "input": "hi", "store": False, **own}
                if stream:
                    async with client.responses.stream(**fields, temperature=0) as events:
                        return await events.get_final_response()
                whole = await client.responses.create(**fields, stream=False, temperature=0)
                assert isinstance(whole, Response)
                return whole

            answers = [await answered("a"), *await asyncio.gather(*map(answered, "bcd"))]
            await client.close()
        assert len(upstream.received) == 1
    assert [answer.user for answer in answers[1:]] == ["b", "c", "d"]
    assert [answer.metadata for answer in answers] == [{"metadata_of": who} for who in "abcd"]
    assert len({answer.id for answer in answers}) == len(answers)
    assert len({answer.output_text for answer in answers}) == 1


async def test_the_same_request_is_answered_again_and_costs_nothing(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    async with running_upstream(answering(ANSWER)) as upstream:
        made = cached_table(upstream.url)
        async with running_gateway(tmp_path, made, [("WEIR_LEDGER", str(ledger))]) as running:
            assert await asked(running, chat()) == ("miss", TOLD)
            async with await running.chat(chat()) as response:
                assert without_id(await response.read()) == TOLD
                told = response.headers
            assert (told["x-weir-cache"], told["x-weir-reason"]) == ("hit", "cache")
            assert (told["x-weir-model"], told["x-weir-cost-usd"]) == ("weak", "0")
            metrics = await running.metrics()
        assert len(upstream.received) == 1
    labels = 'cache="exact",policy="shop/chat"'
    assert f'weir_cache_requests_total{{{labels},result="hit"}} 1.0' in metrics
    assert f'weir_cache_requests_total{{{labels},result="miss"}} 1.0' in metrics
    (total,) = read_sums(ledger, "policy", 0)[0]
    once = (PROMPT_TOKENS + OUTPUT_TOKENS) * 1e-6
    assert (total.requests, total.input_tokens, total.output_tokens) == (2, 1000, 500)
    assert (total.paid_usd, total.saved_usd) == (pytest.approx(once), pytest.approx(once))


@pytest.mark.parametrize(
    "other",
    [
        chat("What is a dam?"),
        chat(temperature=0.0, tools=[{"type": "function", "function": {"name": "f"}}]),
        chat(response_format={"type": "json_object"}),
        chat(n=2),
        chat(stop=["x"]),
        chat(seed=1),
        chat(max_tokens=5),
        chat(messages=[{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}]),
    ],
)
async def test_what_may_change_the_answer_is_another_request(tmp_path: Path, other: bytes) -> None:
    async with running_upstream(answering(ANSWER)) as upstream:
        async with running_gateway(tmp_path, cached_table(upstream.url)) as running:
            await asked(running, chat())
            assert (await asked(running, other))[0] == "miss"
        assert len(upstream.received) == 2


async def test_who_asks_and_how_it_is_written_make_no_other_request(tmp_path: Path) -> None:
    same = b'{"user": "u2",\n "messages":[{"content":"What is a weir?","role":"user"}], "metadata":'
    same += b'{"a":"b"}, "temperature":0, "model":"auto"}'
    async with running_upstream(answering(ANSWER)) as upstream:
        async with running_gateway(tmp_path, cached_table(upstream.url)) as running:
            await asked(running, chat(user="u1"))
            assert await asked(running, same) == ("hit", TOLD)
        assert len(upstream.received) == 1


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (chat(), {"cache_control": "no-store"}),
        (chat(temperature=None), {}),
        (chat(temperature=0.5), {}),
        (chat(store=True), {}),
        (chat()[:-1] + b',"seed":1,"seed":2}', {}),
    ],
)
async def test_what_takes_no_part_is_neither_read_nor_kept(
    tmp_path: Path, body: bytes, headers: dict[str, str]
) -> None:
    async with running_upstream(answering(ANSWER)) as upstream:
        async with running_gateway(tmp_path, cached_table(upstream.url)) as running:
            for _ in range(2):
                assert (await asked(running, body, **headers))[0] == "bypass"
            assert (await asked(running, chat()))[0] == "miss"
        assert len(upstream.received) == 3


async def test_no_cache_wants_a_fresh_answer_that_is_kept(tmp_path: Path) -> None:
    async with (
        running_upstream(answering(ANSWER)) as upstream,
        running_gateway(tmp_path, cached_table(upstream.url)) as running,
    ):
        await asked(running, chat())
        upstream.behaviour = answering(completion("fresh"))
        fresh = await asked(running, chat(), cache_control="no-cache")
        assert fresh == ("bypass", without_id(completion("fresh")))
        assert await asked(running, chat()) == ("hit", without_id(completion("fresh")))


async def test_a_policy_may_let_any_temperature_in(tmp_path: Path) -> None:
    async with running_upstream(answering(ANSWER)) as upstream:
        made = cached_table(upstream.url, temperature="any")
        async with running_gateway(tmp_path, made) as running:
            await asked(running, chat(temperature=None))
            assert (await asked(running, chat(temperature=None)))[0] == "hit"


async def test_a_stream_is_given_again_byte_for_byte_and_a_whole_answer_is_another(
    tmp_path: Path,
) -> None:
    async with running_upstream(streaming(STREAM)) as upstream:
        async with running_gateway(tmp_path, cached_table(upstream.url)) as running:
            first = await asked(running, chat(**ASKING))
            async with await running.chat(chat(**ASKING)) as response:
                assert response.headers["x-weir-cache"] == "hit"
                assert response.headers["content-type"].startswith("text/event-stream")
                assert without_id(await response.read()) == without_id(b"".join(STREAM))
            assert first == ("miss", without_id(b"".join(STREAM)))
            upstream.behaviour = answering(ANSWER)
            assert await asked(running, chat()) == ("miss", TOLD)
        assert len(upstream.received) == 2


async def test_openai_s_client_reads_a_stream_that_is_given_again(tmp_path: Path) -> None:
    async with (
        running_upstream(streaming(STREAM)) as upstream,
        running_gateway(tmp_path, cached_table(upstream.url)) as running,
        AsyncOpenAI(base_url=f"{running.url}/v1", api_key="none", max_retries=0) as client,
    ):
        said: list[str] = []
        for _ in range(2):
            stream = await client.chat.completions.create(
                model="auto",
                messages=[{"role": "user", "content": "What is a weir?"}],
                temperature=0,
                stream=True,
            )
            parts = [c.choices[0].delta.content or "" async for c in stream if c.choices]
            said.append("".join(parts))
        assert said == ["a weir holds water"] * 2
        assert len(upstream.received) == 1


@pytest.mark.parametrize(
    "behaviour",
    [
        answering(b'{"error":{"message":"no"}}', 400),
        answering(b'{"error":{"message":"no"}}'),
        streaming([event("half")]),
        streaming([event("half"), b'data: {"error":{"message":"overloaded"}}\n\n', END]),
    ],
)
async def test_what_went_wrong_is_not_kept(tmp_path: Path, behaviour: object) -> None:
    async with running_upstream(behaviour) as upstream:  # type: ignore[arg-type] # a Behaviour, which parametrize can't say
        async with running_gateway(tmp_path, cached_table(upstream.url)) as running:
            for _ in range(2):
                async with await running.chat(chat(stream=True)) as response:
                    await response.read()
        assert len(upstream.received) == 2


async def test_a_fallback_s_answer_is_not_kept(tmp_path: Path) -> None:
    scorer = ScriptedScorer(score=lambda _: 0.1)
    async with (
        running_upstream(answering(b"{}", 500)) as down,
        running_upstream(answering(ANSWER)) as up,
        running_scorer(tmp_path, scorer) as server,
    ):
        made = cached_table(down.url, up.url)
        async with running_gateway(tmp_path, made, [("WEIR_SCORER", server.target)]) as running:
            await asked(running, chat())
            assert (await asked(running, chat()))[0] == "miss"


async def test_an_answer_s_time_ends(tmp_path: Path) -> None:
    async with running_upstream(answering(ANSWER)) as upstream:
        made = cached_table(upstream.url, exact_ms=50)
        async with running_gateway(tmp_path, made) as running:
            await asked(running, chat())

            async def over() -> bool:
                return (await asked(running, chat()))[0] == "miss"

            await eventually(over)


async def test_memory_is_bounded_in_bytes(tmp_path: Path) -> None:
    large = completion("x" * 10_000)
    async with running_upstream(answering(large)) as upstream:
        settings = [("WEIR_CACHE_BYTES", "40KiB"), ("WEIR_CACHE_ANSWER", "12KiB")]
        async with running_gateway(tmp_path, cached_table(upstream.url), settings) as running:
            for number in range(10):
                await asked(running, chat(f"prompt {number}"))
            metrics = await running.metrics()
            kept = next(
                float(line.split()[1])
                for line in metrics.splitlines()
                if line.startswith("weir_cache_bytes ")
            )
            assert 10_000 < kept <= 40 * 1024
            assert (await asked(running, chat("prompt 9")))[0] == "hit"
            assert (await asked(running, chat("prompt 0")))[0] == "miss"
            upstream.behaviour = answering(completion("x" * 20_000))
            for _ in range(2):
                assert (await asked(running, chat("too large")))[0] == "miss"


def _keys(folder: Path) -> list[tuple[str, str]]:
    hashed = [
        {"name": name, "sha256": hashlib.sha256(f"wk-{name}".encode()).hexdigest()}
        for name in ("ann", "bob")
    ]
    (folder / "keys.json").write_text(json.dumps({"keys": hashed}))
    return [("WEIR_KEYS", str(folder / "keys.json"))]


@pytest.mark.parametrize(("scope", "bob_gets"), [("key", "miss"), ("policy", "hit")])
async def test_keys_share_answers_only_where_the_policy_says_so(
    tmp_path: Path, scope: str, bob_gets: str
) -> None:
    async with running_upstream(answering(ANSWER)) as upstream:
        made = cached_table(upstream.url, scope=scope)
        async with running_gateway(tmp_path, made, _keys(tmp_path)) as running:
            await asked(running, chat(), authorization="Bearer wk-ann")
            assert (await asked(running, chat(), authorization="Bearer wk-ann"))[0] == "hit"
            assert (await asked(running, chat(), authorization="Bearer wk-bob"))[0] == bob_gets


async def test_the_client_s_own_account_is_nobody_else_s(tmp_path: Path) -> None:
    async with running_upstream(answering(ANSWER)) as upstream:
        made = cached_table(upstream.url, scope="policy")
        made.backends[0].spec["auth"] = {"passthrough": True}
        async with running_gateway(tmp_path, made) as running:
            await asked(running, chat(), authorization="Bearer sk-one")
            assert (await asked(running, chat(), authorization="Bearer sk-two"))[0] == "miss"
            assert (await asked(running, chat(), authorization="Bearer sk-one"))[0] == "hit"


class _Gate:
    """Answers once it is opened."""

    def __init__(self, answer: bytes = ANSWER) -> None:
        self.opened = asyncio.Event()
        self.answer = answer

    async def __call__(self, exchange: Exchange) -> None:
        opening = asyncio.create_task(self.opened.wait(), name="gate")
        leaving = asyncio.create_task(exchange.gone.wait(), name="gone")
        await asyncio.wait({opening, leaving}, return_when=asyncio.FIRST_COMPLETED)
        opening.cancel()
        leaving.cancel()
        if self.opened.is_set():
            await exchange.answer(self.answer)


async def _in_flight(running: Running, count: int) -> None:
    async def there() -> bool:
        return running.gateway.registry.callbacks["weir.requests.in_flight"].value() == count

    await eventually(there)


async def _together(running: Running, upstream: Upstream, gate: _Gate, count: int) -> list[str]:
    asking = [asyncio.create_task(asked(running, chat()), name=f"ask {n}") for n in range(count)]
    await upstream.arrived.wait()
    await _in_flight(running, count)
    gate.opened.set()
    answers = await asyncio.gather(*asking)
    assert {body for _, body in answers} == {without_id(gate.answer)}
    return sorted(state for state, _ in answers)


async def test_a_hundred_at_once_make_one_call(tmp_path: Path) -> None:
    gate, ledger = _Gate(), tmp_path / "ledger.db"
    async with running_upstream(gate) as upstream:
        made = cached_table(upstream.url)
        async with running_gateway(tmp_path, made, [("WEIR_LEDGER", str(ledger))]) as running:
            states = await _together(running, upstream, gate, 100)
            metrics = await running.metrics()
        assert len(upstream.received) == 1
    assert states == ["hit"] * 99 + ["miss"]
    joined = 'weir_cache_requests_total{cache="exact",policy="shop/chat",result="joined"} 99.0'
    assert joined in metrics
    (total,) = read_sums(ledger, "policy", 0)[0]
    once = (PROMPT_TOKENS + OUTPUT_TOKENS) * 1e-6
    assert (total.requests, total.input_tokens) == (100, PROMPT_TOKENS)
    assert total.paid_usd == pytest.approx(once)
    assert total.saved_usd == pytest.approx(99 * once)


async def test_a_leader_that_goes_away_is_followed_by_one_of_those_who_wait(
    tmp_path: Path,
) -> None:
    gate = _Gate()
    async with running_upstream(gate) as upstream:
        async with running_gateway(tmp_path, cached_table(upstream.url)) as running:
            leader = asyncio.create_task(asked(running, chat()), name="leader")
            await upstream.arrived.wait()
            others = [asyncio.create_task(asked(running, chat()), name=f"{n}") for n in range(20)]
            await _in_flight(running, 21)
            leader.cancel()
            upstream.arrived.clear()
            await upstream.arrived.wait()
            gate.opened.set()
            answers = await asyncio.gather(*others)
        assert len(upstream.received) == 2
    assert sorted(state for state, _ in answers) == ["hit"] * 19 + ["miss"]


async def test_who_leaves_while_it_waits_for_another_pays_nothing(tmp_path: Path) -> None:
    gate, ledger = _Gate(), tmp_path / "ledger.db"
    async with running_upstream(gate) as upstream:
        made = cached_table(upstream.url)
        async with running_gateway(tmp_path, made, [("WEIR_LEDGER", str(ledger))]) as running:
            leader = asyncio.create_task(asked(running, chat()), name="leader")
            await upstream.arrived.wait()
            follower = asyncio.create_task(asked(running, chat()), name="follower")

            async def decided() -> bool:
                counted = metric(await running.metrics(), "weir_decisions", "policy")
                return counted == {"shop/chat": 2.0}

            await eventually(decided)  # and then it waits
            follower.cancel()
            await _in_flight(running, 1)
            gate.opened.set()
            assert (await leader)[0] == "miss"
        assert len(upstream.received) == 1
    (total,) = read_sums(ledger, "policy", 0)[0]
    assert total.requests == 2
    assert total.paid_usd == pytest.approx((PROMPT_TOKENS + OUTPUT_TOKENS) * 1e-6)


async def test_a_stream_whose_client_leaves_half_way_is_begun_again_for_those_who_wait(
    tmp_path: Path,
) -> None:
    async with running_upstream(stalling(STREAM[:1])) as upstream:
        async with running_gateway(tmp_path, cached_table(upstream.url)) as running:
            leader = await running.chat(chat(**ASKING))
            assert await leader.content.readany() == STREAM[0]
            body = chat(**ASKING)
            others = [asyncio.create_task(asked(running, body), name=f"{n}") for n in range(5)]
            await _in_flight(running, 6)
            upstream.behaviour = streaming(STREAM)
            leader.close()
            answers = await asyncio.gather(*others)
        assert len(upstream.received) == 2
    assert {answer for _, answer in answers} == {without_id(b"".join(STREAM))}
    assert sorted(state for state, _ in answers) == ["hit"] * 4 + ["miss"]


async def test_who_waits_too_long_is_sent_itself(tmp_path: Path) -> None:
    gate = _Gate()
    async with running_upstream(gate) as upstream:
        made = cached_table(upstream.url)
        async with running_gateway(tmp_path, made, [("WEIR_CACHE_WAIT", "20ms")]) as running:
            asking = [asyncio.create_task(asked(running, chat()), name=f"{n}") for n in range(3)]

            async def all_sent() -> bool:
                return len(upstream.received) == 3

            await eventually(all_sent)
            gate.opened.set()
            answers = await asyncio.gather(*asking)
    assert [state for state, _ in answers] == ["miss"] * 3


async def test_a_policy_without_a_cache_says_off(tmp_path: Path) -> None:
    async with running_upstream(answering(ANSWER)) as upstream:
        made = cached_table(upstream.url)
        del made.policies[0].spec["cache"]
        async with running_gateway(tmp_path, made) as running:
            for _ in range(2):
                assert (await asked(running, chat()))[0] == "off"
        assert len(upstream.received) == 2


async def test_counting_tokens_is_never_answered_from_the_cache(tmp_path: Path) -> None:
    body = {"model": "auto", "temperature": 0, "max_tokens": 9}
    body |= {"messages": [{"role": "user", "content": "hi"}]}
    answer = b'{"type":"message","content":[],"usage":{"input_tokens":1,"output_tokens":1}}'
    async with running_upstream(answering(answer)) as upstream:
        made = cached_table(upstream.url)
        made.backends[0].spec["protocol"] = "anthropic"
        made.backends[0].spec["endpoint"] = upstream.url.removesuffix("/v1")
        async with running_gateway(tmp_path, made) as running:
            state = ""
            for _ in range(2):
                async with running.session.post(f"{running.url}/v1/messages", json=body) as answer:
                    assert answer.status == 200
                    state = answer.headers["x-weir-cache"]
            assert state == "hit"
            upstream.behaviour = answering(b'{"input_tokens":3}')
            path = f"{running.url}/v1/messages/count_tokens"
            async with running.session.post(path, json=body) as told:
                assert await told.json() == {"input_tokens": 3}
                assert told.headers["x-weir-cache"] == "off"
