"""Every kind of answer on every pair of wires, through a gateway, read by the official SDKs."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from support.gateway import Running, running_gateway, table
from support.matrix.pairs import CLIENTS, PROVIDERS, Pair, cases, pairs
from support.matrix.said import Called, Case, Json, Kind, Said
from support.upstream import Exchange, Upstream, running_upstream

MODEL = "only"
MORE_THAN_A_BREAKER_TAKES = 25  # failures


@dataclass
class Serving:
    """A gateway before a provider that says what it is told to."""

    gateway: Running
    upstream: Upstream
    pair: Pair

    def play(self, case: Case) -> None:
        """Let the provider answer so from now on."""
        kind = PROVIDERS[self.pair.provider].stream_type

        async def behave(exchange: Exchange) -> None:
            if not case.stream:
                await exchange.answer(b"".join(case.pieces))
                return
            await exchange.begin(kind)
            for piece in case.pieces:
                await exchange.chunk(piece)
            await exchange.end()

        self.upstream.behaviour = behave

    async def ask(self, case: Case) -> Said:
        """What the client sees."""
        client = CLIENTS[self.pair.client]
        body = {**client.body(stream=case.stream), "model": MODEL}
        return await client.ask(self.gateway.url, body, strict=not self.pair.passes)

    async def raw(self, case: Case) -> tuple[int, bytes]:
        """The answer's status and bytes."""
        client = CLIENTS[self.pair.client]
        body: Json = {**client.body(stream=case.stream), "model": MODEL}
        method = "streamGenerateContent?alt=sse" if case.stream else "generateContent"
        url = self.gateway.url + client.path.format(model=MODEL, method=method)
        async with self.gateway.session.post(url, json=body) as response:
            return response.status, await response.read()


@pytest.fixture
async def serving(tmp_path: Path, pair: Pair) -> AsyncIterator[Serving]:
    async with running_upstream(_silent) as upstream:
        made = PROVIDERS[pair.provider].backend(MODEL, upstream.url)
        async with running_gateway(tmp_path, table(made)) as gateway:
            yield Serving(gateway, upstream, pair)


async def _silent(exchange: Exchange) -> None:
    exchange.close()


def answered(kind: Kind, pair: Pair) -> list[Case]:
    """The cases of a kind that are answers."""
    return [case for case in cases(pair, kind) if case.said is not None]


def failing(kind: Kind, pair: Pair) -> list[Case]:
    """The cases of a kind that are none."""
    return [case for case in cases(pair, kind) if case.said is None]


@pytest.mark.parametrize("pair", pairs(), ids=str)
@pytest.mark.parametrize("kind", Kind)
def test_every_pair_has_cases_of_every_kind(pair: Pair, kind: Kind) -> None:
    assert pair.client in CLIENTS, "the wire needs a client's form in tests/support/matrix"
    assert pair.provider in PROVIDERS, "the wire needs a provider's form in tests/support/matrix"
    assert cases(pair, kind), f"no case of {kind} for {pair}"


@pytest.mark.parametrize("pair", pairs(), ids=str)
@pytest.mark.parametrize("kind", Kind)
async def test_what_the_client_sees(serving: Serving, pair: Pair, kind: Kind) -> None:
    wrong: dict[str, object] = {}
    for case in answered(kind, pair):
        serving.play(case)
        try:
            wrong |= await _differences(serving, case)
        except Exception as error:  # noqa: BLE001 - every case is tried, then all are told at once
            wrong[_name(case)] = repr(error)
    assert not wrong, _listed(wrong)


@pytest.mark.parametrize("pair", pairs(), ids=str)
async def test_what_is_no_answer_is_an_error(serving: Serving, pair: Pair) -> None:
    for kind in Kind:
        for case in failing(kind, pair):
            if (pair.passes and case.stream) or (pair.passes_whole and _is_json(case.pieces[0])):
                continue  # passes as it came, whatever it says
            serving.play(case)
            status, body = await serving.raw(case)
            if status == 200 and pair.passes:  # JSON that says nothing passes as it came
                assert json.loads(body) == json.loads(case.pieces[0]), _name(case)
                continue
            if status == 200:  # a stream that had begun ends in an error
                assert b"error" in body, _name(case)
                continue
            assert status >= 400, _name(case)
            assert json.loads(body)["error"]["message"]


@pytest.mark.parametrize("pair", [p for p in pairs() if not p.passes_whole], ids=str)
async def test_a_failed_translation_is_not_the_provider_s_failure(
    serving: Serving, pair: Pair
) -> None:
    (case,) = cases(pair, Kind.UNTRANSLATABLE)
    serving.play(case)
    for _ in range(MORE_THAN_A_BREAKER_TAKES):
        status, body = await serving.raw(case)
        assert status == 502, body
    metrics = await serving.gateway.metrics()
    counted = f'backend="shop/{MODEL}",outcome="translation"}} {MORE_THAN_A_BREAKER_TAKES}'
    assert counted in metrics.replace(".0\n", "\n")
    assert f'weir_upstream_breaker{{endpoint="shop/{MODEL}"}} 1' not in metrics
    good = cases(pair, Kind.PLAIN)[0]
    serving.play(good)
    assert (await serving.ask(good)).text == "It is fine."


async def _differences(serving: Serving, case: Case) -> dict[str, object]:
    assert case.said is not None
    if serving.pair.passes:
        status, body = await serving.raw(case)
        same = (status, body) == (200, b"".join(case.pieces))
        return {} if same else {_name(case): (status, body)}
    expected = _normal(CLIENTS[serving.pair.client].sees(case.said))
    seen = _normal(await serving.ask(case))
    ids = [call.id for call in seen.calls]
    assert len(set(ids)) == len(ids), "two calls have one id"
    assert all(ids), "a call has no id"
    named = tuple(
        replace(call, id="") if not wanted.id else call
        for call, wanted in zip(seen.calls, expected.calls, strict=False)
    )
    seen = replace(seen, calls=named)
    return {} if seen == expected else {_name(case): (seen, expected)}


def _listed(wrong: dict[str, object]) -> str:
    return "\n".join(f"{name}: {what}" for name, what in wrong.items())


def _normal(said: Said) -> Said:
    """With arguments as every writer of JSON would write them."""
    return replace(said, calls=tuple(replace(call, arguments=_json(call)) for call in said.calls))


def _json(call: Called) -> str:
    return json.dumps(json.loads(call.arguments or "{}"), sort_keys=True)


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def _name(case: Case) -> str:
    return f"{case.name}, {'streamed' if case.stream else 'whole'}"
