"""The tokens that a cloud has given out, and a provider that asks for a good one."""

import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from aiohttp import web

from support.upstream import Behaviour, Exchange, completion


class Mood(Enum):
    """How a token server answers."""

    WELL = "well"
    REFUSING = "refusing"
    AWAY = "away"  # 503
    GARBAGE = "garbage"  # 200, and no token in it
    NO_JSON = "no_json"


@dataclass
class Books:
    """Every token with its expiry, and how the server feels."""

    life: float = 3600.0  # seconds
    mood: Mood = Mood.WELL
    given: dict[str, float] = field(default_factory=dict[str, float])
    asked: list[dict[str, str]] = field(default_factory=list[dict[str, str]])  # forms and queries

    def give(self) -> tuple[str, float]:
        """A new token and its life in seconds."""
        token = f"token-{secrets.token_hex(12)}"
        self.given[token] = time.time() + self.life
        return token, self.life

    def good(self, authorization: str) -> bool:
        """Whether a header carries a token that has not expired."""
        kind, _, token = authorization.partition(" ")
        return kind == "Bearer" and self.given.get(token, 0.0) > time.time()

    def revoke(self) -> None:
        """No token given so far is good any more."""
        self.given.clear()

    def trouble(self, refusal: object) -> web.Response | None:
        """What is answered in place of a token; None while all is well."""
        match self.mood:
            case Mood.WELL:
                return None
            case Mood.REFUSING:
                return web.json_response(refusal, status=400)
            case Mood.AWAY:
                return web.Response(status=503, text="away")
            case Mood.GARBAGE:
                return web.json_response({"hello": "world"})
            case Mood.NO_JSON:
                return web.Response(text="<html>captive portal</html>")


def guarded(books: Books, answer: Behaviour | None = None) -> Behaviour:
    """A provider that answers 401 without a good token."""

    async def behave(exchange: Exchange) -> None:
        if not books.good(exchange.received.headers.get("authorization", "")):
            error = {"error": {"message": "Request had invalid credentials", "code": 401}}
            await exchange.answer(json.dumps(error).encode(), 401)
        elif answer is not None:
            await answer(exchange)
        else:
            await exchange.answer(completion())

    return behave


@dataclass(frozen=True)
class Served:
    """A token server on a socket."""

    url: str
    runner: web.AppRunner


async def serve(routes: Sequence[web.RouteDef], tls: object = None) -> Served:
    """Serve on a port of the system's choice."""
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)  # type: ignore[arg-type] # a context or None
    await site.start()
    port = runner.addresses[0][1]
    return Served(f"{'https' if tls else 'http'}://127.0.0.1:{port}", runner)
