"""Bedrock's runtime as a server: checks each signature and body, then answers in its framing."""

import json
from urllib.parse import unquote

from support.bedrock.books import AwsBooks
from support.bedrock.model import problems
from support.matrix.bedrock import ConverseProvider, InvokeProvider
from support.matrix.said import Said
from support.upstream import Behaviour, Exchange
from weir_wires.event_stream import MEDIA_TYPE

OPERATIONS = {"converse": "Converse", "converse-stream": "ConverseStream"}
FINE = Said("fine")


def bedrock(books: AwsBooks, said: Said = FINE) -> Behaviour:
    """Answers `said` to each call that is signed and well formed."""

    async def behave(exchange: Exchange) -> None:
        received = exchange.received
        refusal = books.refusal(received)
        if refusal is not None:
            kind, words = refusal
            await error(exchange, 403, kind, words)
            return
        _, _, model, action = received.path.split("/")
        wrong = _wrong(unquote(model), action, received.body)
        if wrong:
            await error(exchange, 400, "ValidationException", wrong)
            return
        provider = ConverseProvider() if action in OPERATIONS else InvokeProvider()
        if not action.endswith("stream"):
            await exchange.answer(provider.whole(said))
            return
        await exchange.begin(MEDIA_TYPE)
        for piece in provider.stream(said):
            await exchange.chunk(piece)
        await exchange.end()

    return behave


async def error(exchange: Exchange, status: int, kind: str, words: str) -> None:
    """An error as AWS writes it: its kind is in a header."""
    header = f"x-amzn-ErrorType: {kind}:http://internal.amazon.com/coral/"
    await exchange.answer(json.dumps({"message": words}).encode(), status, header)


def _wrong(model: str, action: str, body: bytes) -> str:
    """What is wrong with a body; empty where nothing is."""
    if action in OPERATIONS:
        return problems(OPERATIONS[action], model, body)
    fields = json.loads(body)
    extra = {"model", "stream", "service_tier"} & fields.keys()
    if extra:
        return f"{', '.join(sorted(extra))}: Extra inputs are not permitted"
    version = fields.get("anthropic_version")
    return "" if version == "bedrock-2023-05-31" else f"anthropic_version: {version}"
