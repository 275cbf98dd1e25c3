"""Files the gateway is given while it serves: a broken one changes nothing and is logged."""

from pathlib import Path

import pytest

from support.gateway import backend, running_gateway, table, write
from support.polling import eventually
from support.upstream import answering, completion, running_upstream

BODY = b'{"model":"auto","messages":[{"role":"user","content":"hi"}]}'


@pytest.mark.parametrize("text", ["[]", '"x"', "null", "7", "", "{", '{"policies":[1]}'])
async def test_an_invalid_route_table_is_rejected_counted_and_logged(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        running_upstream(answering(completion())) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url))) as gateway,
    ):
        gateway.file.write_text(text)

        async def refused() -> bool:
            return 'applied_total{result="refused"} 1.0' in await gateway.metrics()

        await eventually(refused)
        assert "refused a route table" in caplog.text
        async with await gateway.chat(BODY) as response:
            assert response.status == 200


@pytest.mark.parametrize(
    "text",
    ["null", "[1]", '{"a":1}', '[{"namespace":"shop"}]', "[", '[{"value":"sk-very-secret"}]'],
)
async def test_a_broken_credentials_file_is_survived_and_not_leaked(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    secrets = tmp_path / "credentials.json"
    secrets.write_text("[]")
    async with (
        running_upstream(answering(completion())) as upstream,
        running_gateway(
            tmp_path,
            table(backend("weak", upstream.url)),
            [("WEIR_CREDENTIALS_FILE", str(secrets))],
        ) as gateway,
    ):
        secrets.write_text(text)

        async def logged() -> bool:
            return "can't read the route table" in caplog.text

        await eventually(logged)
        assert "sk-very-secret" not in caplog.text
        async with await gateway.chat(BODY) as response:
            assert response.status == 200
        secrets.write_text("[]")
        write(gateway.file, table(backend("weak", upstream.url), version="v2"))

        async def mended() -> bool:
            return 'version{version="v2"} 1.0' in await gateway.metrics()

        await eventually(mended)


async def test_strips_a_newline_at_the_end_of_a_key(tmp_path: Path) -> None:
    async with running_upstream(answering(completion())) as upstream:
        keyed = backend("weak", upstream.url)
        keyed.spec["auth"] = {"env": "SOME_KEY"}
        async with running_gateway(tmp_path, table(keyed), [("SOME_KEY", "sk-1\n")]) as gateway:
            async with await gateway.chat(BODY) as response:
                assert response.status == 200
            assert upstream.received[0].headers["authorization"] == "Bearer sk-1"
