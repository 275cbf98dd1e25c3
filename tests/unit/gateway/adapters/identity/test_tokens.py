"""A token's life by a clock of the test's own: when it is fetched, renewed, dropped, missed."""

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from support import tables as route_tables
from support.gateway import identities
from support.polling import eventually
from weir_gateway.adapters.providers.credentials import Secret
from weir_gateway.adapters.providers.identity.port import (
    CredentialRefused,
    IdentityError,
    TokensUnavailable,
)
from weir_gateway.adapters.providers.identity.renewal import Renewal
from weir_gateway.adapters.providers.identity.tokens import Token
from weir_gateway.domain.errors import UpstreamError, UpstreamFailure
from weir_gateway.domain.table import CloudIdentity
from weir_policy.fields.composite import Object
from weir_policy.fields.kinds import Bad
from weir_policy.fields.mistakes import Mistake
from weir_policy.spec.auth import AzureIdentity, CloudSpec, GoogleIdentity

HOUR = 3600.0


def empty(kind: type[GoogleIdentity | AzureIdentity]) -> CloudSpec:
    """An identity as `{}` reads."""
    mistakes: list[Mistake] = []
    read = Object(kind).read({}, (), mistakes)
    assert not isinstance(read, Bad), mistakes
    return read


@dataclass
class Server:
    """A token server and the time."""

    now: float = field(default_factory=time.time)
    fetched: int = 0
    fails: IdentityError | None = None
    may_answer: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.may_answer.set()

    def fetch(self) -> Token:
        assert self.may_answer.wait(10)
        self.fetched += 1
        if self.fails is not None:
            raise self.fails
        return Token(Secret(f"token-{self.fetched}"), self.now + HOUR)

    def tokens(self, patience: float = 5.0) -> Renewal[Token]:
        return Renewal("google", self.fetch, lambda: self.now, patience=patience)


async def sent(tokens: Renewal[Token]) -> str:
    return (await tokens.get()).authorization


def used(authorization: str) -> Callable[[Token], bool]:
    return lambda token: token.authorization == authorization


async def test_calls_at_once_wait_for_one_fetch() -> None:
    server = Server()
    tokens = server.tokens()
    assert set(await asyncio.gather(*(sent(tokens) for _ in range(50)))) == {"Bearer token-1"}
    assert server.fetched == 1


async def test_it_is_renewed_in_the_background_before_it_expires() -> None:
    server = Server()
    tokens = server.tokens()
    assert await sent(tokens) == "Bearer token-1"
    server.now += HOUR - 241
    assert await sent(tokens) == "Bearer token-1"
    assert server.fetched == 1
    server.now += 62
    server.may_answer.clear()
    # Nobody waits: the renewal hasn't been answered.
    assert await sent(tokens) == "Bearer token-1"
    server.may_answer.set()

    async def renewed() -> bool:
        return await sent(tokens) == "Bearer token-2"

    await eventually(renewed)


async def test_a_token_lasts_until_it_expires_if_no_other_can_be_had() -> None:
    server = Server()
    tokens = server.tokens()
    await sent(tokens)
    server.fails = CredentialRefused("Google refused the credentials: gone")
    server.now += HOUR - 20
    assert await sent(tokens) == "Bearer token-1"
    server.now += 15
    with pytest.raises(CredentialRefused, match="gone"):
        await sent(tokens)
    fetched = server.fetched
    with pytest.raises(CredentialRefused, match="gone"):
        await sent(tokens)
    assert server.fetched == fetched  # a refusal isn't asked for again at once
    server.fails = None
    server.now += 31
    assert (await sent(tokens)).startswith("Bearer token-")


async def test_a_server_that_never_answers_keeps_no_call_waiting() -> None:
    server = Server()
    server.may_answer.clear()
    tokens = server.tokens(patience=0.05)
    with pytest.raises(TokensUnavailable, match="did not answer within"):
        await sent(tokens)
    server.may_answer.set()
    await tokens.stop()


async def test_a_revoked_token_is_dropped_and_a_new_one_lacks_rights() -> None:
    server = Server()
    tokens = server.tokens()
    first = await sent(tokens)
    assert not tokens.revoke(used(first))  # just fetched: another one would be refused too
    server.now += 60
    assert tokens.revoke(used(first))
    assert await sent(tokens) == "Bearer token-2"
    assert tokens.revoke(used(first))  # a call that had been sent with the first one
    assert await sent(tokens) == "Bearer token-2"


@pytest.mark.parametrize(
    ("spec", "module", "extra"),
    [
        (empty(GoogleIdentity), "google.auth", "google"),
        (empty(AzureIdentity), "azure.identity", "azure"),
    ],
)
def test_a_library_that_is_missing_is_named_with_its_extra(
    spec: CloudSpec, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    called = replace(route_tables.backend("weak"), auth=CloudIdentity(spec))
    with pytest.raises(UpstreamError, match=rf"install weir-gateway\[{extra}\]") as missing:
        identities().for_backend(called)
    assert missing.value.failure is UpstreamFailure.CREDENTIAL
