"""Backends on Bedrock, by keys of every origin; the server recomputes every signature."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.bedrock.books import REGION, AwsBooks
from support.bedrock.server import bedrock
from support.bedrock.token_servers import (
    CONTAINER_TOKEN,
    ROLE,
    WEB_TOKEN,
    TokenServers,
    token_servers,
)
from support.drafts import Draft
from support.gateway import Running, backend, running_gateway, table
from support.polling import eventually
from support.upstream import Upstream, running_upstream

MODEL = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
PROFILE = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc123"
ASK = {"model": "weak", "messages": [{"role": "user", "content": "Hi"}]}


@dataclass
class Rig:
    """The token servers, a Bedrock that checks signatures, and what a gateway is given."""

    books: AwsBooks
    servers: TokenServers
    upstream: Upstream
    folder: Path
    patch: pytest.MonkeyPatch
    variables: dict[str, str] = field(default_factory=dict[str, str])

    def made(self, aws: object, model: str = MODEL) -> Draft:
        made = backend("weak", self.upstream.url.removesuffix("/v1"))
        made.spec.update({"protocol": "bedrock", "model": model, "auth": {"aws": aws}})
        return made

    def environment(self, **variables: str) -> None:
        """What botocore reads."""
        for name, value in variables.items():
            self.patch.setenv(name, value)

    def own_keys(self) -> None:
        """A key in the environment."""
        key = self.books.issue(token=False)
        self.environment(AWS_ACCESS_KEY_ID=key.key_id, AWS_SECRET_ACCESS_KEY=key.key)

    def container(self) -> None:
        """EKS Pod Identity."""
        file = self.folder / "pod-token"
        file.write_text(CONTAINER_TOKEN)
        self.environment(
            AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{self.servers.url}/container",
            AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(file),
        )

    @asynccontextmanager
    async def gateway(self, aws: object = None, model: str = MODEL) -> AsyncGenerator[Running]:
        made = self.made({"region": REGION} if aws is None else aws, model)
        async with running_gateway(
            self.folder, table(made), list(self.variables.items())
        ) as running:
            yield running


@pytest.fixture
async def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Rig]:
    books = AwsBooks()
    async with token_servers(books) as servers, running_upstream(bedrock(books)) as upstream:
        made = Rig(books, servers, upstream, tmp_path, monkeypatch)
        made.environment(
            AWS_CONFIG_FILE=str(tmp_path / "config"),
            AWS_SHARED_CREDENTIALS_FILE=str(tmp_path / "credentials"),
            AWS_ENDPOINT_URL_STS=servers.url,
            AWS_EC2_METADATA_DISABLED="true",
        )
        yield made


async def ask(running: Running, *, stream: bool = False, text: str = "Hi") -> tuple[int, str]:
    messages = [{"role": "user", "content": text}]
    body = {**ASK, "messages": messages, "stream": stream}
    response = await running.chat(json.dumps(body).encode())
    return response.status, await response.text()


async def answers(running: Running) -> bool:
    status, text = await ask(running)
    return status == 200 and "fine" in text


async def test_keys_in_the_environment(rig: Rig) -> None:
    rig.own_keys()
    async with rig.gateway() as running:
        assert await answers(running)
        status, text = await ask(running, stream=True)
    assert (status, text.rstrip().endswith("data: [DONE]")) == (200, True)
    assert rig.books.refused == []
    assert [call.path for call in rig.upstream.received] == [
        "/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse",
        "/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream",
    ]


async def test_an_arn_is_signed_as_it_is_sent(rig: Rig) -> None:
    rig.own_keys()
    async with rig.gateway(model=PROFILE) as running:
        assert await answers(running)
    assert rig.upstream.received[0].path == (
        "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A123456789012%3A"
        "application-inference-profile%2Fabc123/converse"
    )


async def test_a_large_body_is_signed_off_the_loop(rig: Rig) -> None:
    rig.own_keys()
    async with rig.gateway() as running:
        assert (await ask(running, text="long " * 400_000))[0] == 200
    assert rig.books.refused == []


async def test_keys_of_a_secret(rig: Rig) -> None:
    key = rig.books.issue()
    secrets = [
        {"namespace": "shop", "name": "aws", "key": name, "value": value}
        for name, value in (("id", key.key_id), ("key", key.key + "\n"), ("token", key.token))
    ]
    file = rig.folder / "secrets.json"
    await asyncio.to_thread(file.write_text, json.dumps(secrets))
    rig.variables["WEIR_CREDENTIALS_FILE"] = str(file)
    aws = {
        "region": REGION,
        "accessKeyId": {"name": "aws", "key": "id"},
        "secretAccessKey": {"name": "aws", "key": "key"},
        "sessionToken": {"name": "aws", "key": "token"},
    }
    async with rig.gateway(aws) as running:
        assert await answers(running)
    assert rig.books.used == [key.key_id]


async def test_a_profile_of_the_shared_configuration(rig: Rig) -> None:
    key = rig.books.issue(token=False)
    lines = f"[team]\naws_access_key_id={key.key_id}\naws_secret_access_key={key.key}\n"
    await asyncio.to_thread((rig.folder / "credentials").write_text, lines)
    async with rig.gateway({"region": REGION, "profile": "team"}) as running:
        assert await answers(running)


async def test_web_identity_of_a_service_account(rig: Rig) -> None:
    file = rig.folder / "web-token"
    await asyncio.to_thread(file.write_text, WEB_TOKEN)
    rig.environment(AWS_WEB_IDENTITY_TOKEN_FILE=str(file), AWS_ROLE_ARN=ROLE)
    async with rig.gateway() as running:
        assert all(await asyncio.gather(*(answers(running) for _ in range(8))))
    assert [form["Action"] for form in rig.books.asked] == ["AssumeRoleWithWebIdentity"]


async def test_pod_identity(rig: Rig) -> None:
    rig.container()
    async with rig.gateway() as running:
        assert await answers(running)
    assert rig.books.asked == [{"path": "/container"}]


async def test_the_role_of_an_instance(rig: Rig) -> None:
    rig.patch.delenv("AWS_EC2_METADATA_DISABLED")
    rig.environment(AWS_EC2_METADATA_SERVICE_ENDPOINT=rig.servers.url)
    async with rig.gateway() as running:
        assert await answers(running)
    assert rig.books.asked[0]["path"].endswith("/weir-node")


async def test_an_assumed_role(rig: Rig) -> None:
    rig.container()
    aws = {"region": REGION, "roleArn": ROLE, "externalId": "ours", "sessionName": "shop"}
    async with rig.gateway(aws) as running:
        assert await answers(running)
    assumed = rig.books.asked[-1]
    wanted = {"Action": "AssumeRole", "RoleArn": ROLE, "ExternalId": "ours"}
    assert wanted.items() <= assumed.items()
    assert assumed["RoleSessionName"] == "shop"


@pytest.mark.parametrize("role", [None, ROLE])
async def test_keys_that_expire_in_mid_load_lose_no_request(rig: Rig, role: str | None) -> None:
    rig.books.life = 5.0  # seconds: a busy machine signs and sends within a part of it
    rig.container()
    aws = {"region": REGION, **({"roleArn": role} if role else {})}
    async with rig.gateway(aws) as running:
        statuses: list[int] = []
        while len(set(rig.books.used)) < 3:
            calls = (ask(running, stream=number % 2 == 0) for number in range(10))
            statuses += [status for status, _ in await asyncio.gather(*calls)]
    assert set(statuses) == {200}
    assert rig.books.refused == []


async def test_keys_that_are_withdrawn_lose_no_request(rig: Rig) -> None:
    rig.books.life = 10.0
    rig.container()
    async with rig.gateway() as running:
        assert await answers(running)
        settled = time.time() + 1.0  # a new key that is refused isn't replaced

        async def is_settled() -> bool:
            return time.time() > settled

        await eventually(is_settled, within=10)
        rig.books.revoke()
        assert all(await asyncio.gather(*(answers(running) for _ in range(4))))
    assert set(rig.books.refused) == {"UnrecognizedClientException"}


async def test_a_token_server_that_is_away_costs_nothing_while_keys_are_good(rig: Rig) -> None:
    rig.books.life = 4.0
    rig.container()
    async with rig.gateway() as running:
        assert await answers(running)
        rig.books.away = True
        first = set(rig.books.used)
        while len(rig.books.asked) < 3:
            assert await answers(running)
        assert set(rig.books.used) == first
        rig.books.away = False
        await eventually(lambda: answers(running), within=20)


async def test_without_credentials_the_reason_is_in_the_status(rig: Rig) -> None:
    async with rig.gateway() as running:
        status, text = await ask(running)
        (seen,) = running.gateway._parts.backend_health.recent().values()
    assert status == 502
    assert "there are no credentials for AWS" in seen.last_failure
    assert "credential" in text


async def test_a_role_that_may_not_be_assumed(rig: Rig) -> None:
    rig.own_keys()
    rig.books.refusing = True
    async with rig.gateway({"region": REGION, "roleArn": ROLE}) as running:
        status, _ = await ask(running)
        (seen,) = running.gateway._parts.backend_health.recent().values()
    assert status == 502
    assert "AWS refused the credentials" in seen.last_failure
    assert "AccessDenied" in seen.last_failure


async def test_an_endpoint_without_region_needs_one(rig: Rig) -> None:
    rig.own_keys()
    async with rig.gateway({}) as running:
        status, _ = await ask(running)
        (seen,) = running.gateway._parts.backend_health.recent().values()
    assert status == 502
    assert "write auth.aws.region" in seen.last_failure


async def test_a_refused_signature_shows_no_token(rig: Rig) -> None:
    key = rig.books.issue()
    rig.environment(
        AWS_ACCESS_KEY_ID=key.key_id,
        AWS_SECRET_ACCESS_KEY="another key",  # noqa: S106 - of a test
        AWS_SESSION_TOKEN=key.token or "",
    )
    async with rig.gateway() as running:
        status, text = await ask(running)
        (seen,) = running.gateway._parts.backend_health.recent().values()
    assert status in {403, 502}
    assert key.token
    assert key.token not in text + seen.last_failure
    assert rig.books.refused[0] == "InvalidSignatureException"
