"""The ledger's rows at a collector: all of them, those too that came while it was away."""

from pathlib import Path

import aiohttp

from support.chat_client import TIMEOUT, ask, chat
from support.otlp import collecting, texts
from support.programs import Program, quickstart, up

ASKED = 5


async def test_the_ledger_goes_to_a_collector_and_waits_for_one_that_is_away(
    tmp_path: Path, upstream: Program
) -> None:
    policies = quickstart(upstream.url, tmp_path / "policies")
    async with collecting() as collector:
        environment = {
            "WEIR_LEDGER_OTLP": "1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_EXPORTER_OTLP_INSECURE": "true",
            "OTEL_METRICS_EXPORTER": "none",
        }
        records = collector.records
        records.away = True
        with up([policies], log=tmp_path / "log", environment=environment) as running:
            async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
                said = [await ask(session, running.url, chat(f"Why {n}?")) for n in range(ASKED)]
            await records.until(lambda: records.refused > 0, within=20)
            records.away = False
            await records.until(lambda: len(records.kept) >= ASKED, within=20)
    ids = {answer.headers["x-weir-decision"] for answer in said}
    rows = [texts(record.attributes) for record in records.kept]
    assert {row["weir.decision"] for row in rows} == ids
    assert {row["weir.part"] for row in rows} == {"0"}
    assert all(int(row["weir.paid_pico_usd"]) > 0 for row in rows)
    assert {record.event_name for record in records.kept} == {"weir.ledger.entry"}
    assert all(record.time_unix_nano > 1_600_000_000 * 10**9 for record in records.kept)
