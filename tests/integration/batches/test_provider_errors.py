"""Errors of a provider's batch API, and what the client gets."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.batches import (
    anthropic_backend,
    batch_gateway,
    direct_table,
    item,
    ledger_rows,
    mock_provider,
    openai_backend,
    query_journal,
    read_lines,
    submit,
    wait_for_end,
)
from support.drafts import Draft
from support.polling import eventually
from weir_cli.mock_provider.config import Delay, Fault, Kind
from weir_cli.mock_provider.server import MockConfig

MAKERS: dict[str, Callable[[str], Draft]] = {
    "openai": lambda url: openai_backend("weak", url, batches=True),
    "anthropic": lambda url: anthropic_backend("weak", url),
}


@pytest.mark.parametrize("kind", MAKERS)
async def test_items_rejected_by_the_provider_are_in_the_error_file(
    tmp_path: Path, kind: str
) -> None:
    config = MockConfig(faults=(Fault(kind=Kind.STATUS, status=400, rate=0.25),))
    async with mock_provider(config) as provider:
        message = direct_table(MAKERS[kind](provider.url))
        async with batch_gateway(tmp_path, message) as (_, client):
            done = await wait_for_end(client, (await submit(client, _requests(40))).id)
            assert done.status == "completed"
            assert done.request_counts is not None
            assert done.request_counts.model_dump() == {"total": 40, "completed": 30, "failed": 10}
            bad = await read_lines(client, done.error_file_id)
            good = await read_lines(client, done.output_file_id)
        assert len(bad) == 10
        assert {line["response"]["status_code"] for line in bad} == {400}
        assert all(
            "configured fault" in line["response"]["body"]["error"]["message"] for line in bad
        )
        assert {line["custom_id"] for line in (*good, *bad)} == {f"q{n}" for n in range(40)}
        assert len(ledger_rows(tmp_path)) == 40


@pytest.mark.parametrize("kind", MAKERS)
async def test_items_with_transient_errors_are_retried_by_single_calls_with_fallbacks(
    tmp_path: Path, kind: str
) -> None:
    config = MockConfig(faults=(Fault(kind=Kind.STATUS, status=429, rate=0.2, model="weak-model"),))
    async with mock_provider(config) as provider:
        message = direct_table(
            MAKERS[kind](provider.url), openai_backend("spare", provider.url, batches=False)
        )
        async with batch_gateway(tmp_path, message) as (_, client):
            done = await wait_for_end(client, (await submit(client, _requests(40))).id)
            assert done.request_counts is not None
            assert done.request_counts.model_dump() == {"total": 40, "completed": 40, "failed": 0}
        rows = ledger_rows(tmp_path)
        assert len(rows) == 40
        stats = provider.model_stats()
        weak = stats["weak-model"]
        assert (weak["batch_requests"], weak["batch_failed"]) == (40, 8)
        answered = weak["requests"] - weak["failed"] + stats.get("spare-model", _NONE)["requests"]
        assert answered == 8
        price = 1_000_000
        half = (weak["batch_prompt_tokens"] + weak["batch_completion_tokens"]) * price // 2
        full = sum(line["prompt_tokens"] + line["completion_tokens"] for line in stats.values())
        assert sum(row["paid_pico_usd"] for row in rows) == half + full * price


@pytest.mark.parametrize("kind", MAKERS)
async def test_a_batch_whose_response_is_lost_is_found_and_not_resubmitted(
    tmp_path: Path, kind: str
) -> None:
    config = MockConfig(faults=(Fault(kind=Kind.LOST),))
    async with mock_provider(config) as provider:
        message = direct_table(MAKERS[kind](provider.url))
        async with batch_gateway(tmp_path, message) as (_, client):
            done = await wait_for_end(client, (await submit(client, _requests(20))).id)
            assert done.request_counts is not None
            assert done.request_counts.completed == 20
        assert provider.server.stats.batches == 1
        assert provider.model_stats()["weak-model"]["batch_requests"] == 20


@pytest.mark.parametrize("kind", MAKERS)
async def test_does_not_mistake_another_batch_for_its_own(tmp_path: Path, kind: str) -> None:
    config = MockConfig(faults=(Fault(kind=Kind.LOST, rate=0.5),))  # every second one
    async with mock_provider(config) as provider:
        message = direct_table(MAKERS[kind](provider.url))
        async with batch_gateway(tmp_path, message) as (_, client):
            first = await submit(client, _requests(20))
            await wait_for_end(client, first.id)
            done = await wait_for_end(client, (await submit(client, _requests(20, "other"))).id)
            results = await read_lines(client, done.output_file_id)
            assert [line["custom_id"] for line in results] == [f"other{n}" for n in range(20)]
        assert provider.server.stats.batches == 2


@pytest.mark.parametrize("kind", MAKERS)
async def test_cancelling_reaches_the_provider_and_returns_partial_results(
    tmp_path: Path, kind: str
) -> None:
    async with mock_provider(MockConfig(delay=Delay(batch=10.0))) as provider:
        message = direct_table(MAKERS[kind](provider.url))
        async with batch_gateway(tmp_path, message) as (_, client):
            batch = await submit(client, _requests(320))

            async def begun() -> bool:
                return provider.server.stats.of("weak-model").batch_requests > 0

            await eventually(begun)
            assert (await client.batches.cancel(batch.id)).status == "cancelling"
            done = await wait_for_end(client, batch.id)
            assert done.status == "cancelled"
            await _complete(client, done, "batch_cancelled", 320)
        assert provider.model_stats()["weak-model"]["batch_requests"] < 320


async def test_an_expired_batch_returns_partial_results(tmp_path: Path) -> None:
    async with mock_provider(MockConfig(delay=Delay(batch=30.0))) as provider:
        message = direct_table(openai_backend("weak", provider.url, batches=True))
        async with batch_gateway(tmp_path, message) as (_, client):
            batch = await submit(client, _requests(320), completion_window="2s")
            done = await wait_for_end(client, batch.id)
            assert done.status == "expired"
            assert done.expired_at is not None
            await _complete(client, done, "batch_expired", 320)


async def test_cancelling_stops_single_calls_between_items(tmp_path: Path) -> None:
    async with mock_provider(MockConfig(delay=Delay(first=0.2))) as provider:
        message = direct_table(openai_backend("weak", provider.url, batches=False))
        async with batch_gateway(tmp_path, message, ("WEIR_BATCH_CALLS", "2")) as (_, client):
            batch = await submit(client, _requests(200))

            async def begun() -> bool:
                counts = (await client.batches.retrieve(batch.id)).request_counts
                return counts is not None and counts.completed > 0

            await eventually(begun)
            await client.batches.cancel(batch.id)
            done = await wait_for_end(client, batch.id)
            assert done.status == "cancelled"
            await _complete(client, done, "batch_cancelled", 200)
            assert done.request_counts is not None
            stats = provider.model_stats()["weak-model"]
            assert stats["requests"] == done.request_counts.completed
            assert stats["aborted"] == 0


async def test_a_model_unknown_to_the_provider_fails_each_item(
    tmp_path: Path,
) -> None:
    config = MockConfig(models=("other",))  # the provider knows none of our models
    async with mock_provider(config) as provider:
        message = direct_table(openai_backend("weak", provider.url, batches=True))
        async with batch_gateway(tmp_path, message) as (_, client):
            done = await wait_for_end(client, (await submit(client, _requests(3))).id)
            bad = await read_lines(client, done.error_file_id)
            assert [line["response"]["status_code"] for line in bad] == [404] * 3


async def test_gives_up_on_a_provider_a_day_after_the_window(
    tmp_path: Path,
) -> None:
    message = direct_table(openai_backend("weak", "http://127.0.0.1:9", batches=True))
    async with batch_gateway(tmp_path, message) as (_, client):
        batch = await submit(client, _requests(3))

        async def tried() -> bool:
            sent = "SELECT 1 FROM parts WHERE sent IS NOT NULL"
            return bool(await asyncio.to_thread(query_journal, tmp_path, sent))

        await eventually(tried)
    back = "UPDATE batches SET expires = expires - ?"
    await asyncio.to_thread(query_journal, tmp_path, back, 2 * 86_400 + 1)
    async with batch_gateway(tmp_path, message) as (_, client):
        done = await wait_for_end(client, batch.id)
        assert (done.status, done.output_file_id) == ("expired", None)
        bad = await read_lines(client, done.error_file_id)
        assert [line["error"]["code"] for line in bad] == ["batch_expired"] * 3
        scratch = tmp_path / "batches" / "scratch"

        async def tidy() -> bool:
            return not await asyncio.to_thread(lambda: list(scratch.iterdir()))

        await eventually(tidy)


async def _complete(client: Any, done: Any, code: str, total: int) -> None:
    """Every item once, those that were not executed with `code`."""
    good = await read_lines(client, done.output_file_id)
    bad = await read_lines(client, done.error_file_id)
    results = [line["custom_id"] for line in (*good, *bad)]
    assert sorted(results) == sorted(f"q{n}" for n in range(total))
    assert {line["error"]["code"] for line in bad} == {code}
    assert good
    assert done.request_counts.completed == len(good)


def _requests(count: int, name: str = "q") -> list[Any]:
    return [item(f"{name}{n}", text=f"{name} {n}", max_tokens=64) for n in range(count)]


_NONE = {"requests": 0}
