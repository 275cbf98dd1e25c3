"""Sends the prompts to a running Weir over HTTP and reads the decisions from its headers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import aiohttp

from weir_cli.demo.agent_run import bodies
from weir_cli.demo.prompts import Prompt
from weir_cli.failure import Failure

_MODEL = "auto"
_TIMEOUT = aiohttp.ClientTimeout(total=120)
_DIGITS = 9  # of the header x-weir-cost-usd
_PICO = 1e-12  # micro-USD per million tokens, in USD per token


@dataclass(frozen=True, slots=True)
class Price:
    """USD per token of the strongest candidate: the base of savings."""

    input: float
    output: float

    @classmethod
    def of(cls, micro_input: int, micro_output: int) -> "Price":
        """From micro-USD per million tokens, as the route table has it."""
        return cls(micro_input * _PICO, micro_output * _PICO)


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt and its decision."""

    prompt: str
    score: float | None  # None where nothing was scored
    model: str
    reason: str
    cost_usd: float
    saved_usd: float  # an estimate: the same tokens at the strongest candidate's price
    decision: str

    def to_json(self) -> dict[str, object]:
        """The row as `--json` prints it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class AgentRow:
    """One turn of an agent and which model took it."""

    event: str  # what happened before
    score: float | None  # how probable it is that the run fails
    model: str
    reason: str

    def to_json(self) -> dict[str, object]:
        """The row as `--json` prints it."""
        return asdict(self)


async def ask_agent(url: str) -> list[AgentRow]:
    """Send a coding agent's session, turn by turn. Raises Failure when one isn't answered."""
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        return [await _turn(session, url, event, body) for event, body in bodies()]


async def _turn(
    session: aiohttp.ClientSession, url: str, event: str, body: Mapping[str, object]
) -> AgentRow:
    async with session.post(f"{url}/v1/chat/completions", json=body) as answer:
        text = await answer.text()
        if not answer.ok:
            raise Failure(f"the agent's turn {event!r} was answered with {answer.status}: {text}")
    headers = answer.headers
    score = headers.get("x-weir-score")
    return AgentRow(
        event,
        float(score) if score is not None else None,
        headers["x-weir-model"],
        headers["x-weir-reason"],
    )


async def ask_all(url: str, prompts: tuple[Prompt, ...], strongest: Price) -> list[Row]:
    """Ask each prompt, one after the other. Raises Failure when one isn't answered."""
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        return [await _ask(session, url, prompt, strongest) for prompt in prompts]


async def threshold(url: str, prompt: Prompt) -> float | None:
    """The current threshold from POST /v1/route; None where the policy hides it."""
    async with (
        aiohttp.ClientSession(timeout=_TIMEOUT) as session,
        session.post(f"{url}/v1/route", json=prompt.body(_MODEL)) as answer,
    ):
        route: dict[str, Any] = await answer.json() if answer.ok else {}
    value = route.get("threshold")
    return float(value) if isinstance(value, int | float) else None


async def _ask(session: aiohttp.ClientSession, url: str, prompt: Prompt, strongest: Price) -> Row:
    async with session.post(f"{url}/v1/chat/completions", json=prompt.body(_MODEL)) as answer:
        body: dict[str, Any] = await answer.json(content_type=None)
        if not answer.ok:
            raise Failure(f"{prompt.text[:40]!r} was answered with {answer.status}: {body}")
        headers = answer.headers
    usage: Mapping[str, int] = body.get("usage") or {}
    cost = float(headers.get("x-weir-cost-usd", "0"))
    strong = (
        usage.get("prompt_tokens", 0) * strongest.input
        + usage.get("completion_tokens", 0) * strongest.output
    )
    score = headers.get("x-weir-score")
    return Row(
        prompt.title,
        float(score) if score is not None else None,
        headers["x-weir-model"],
        headers["x-weir-reason"],
        cost,
        round(strong - cost, _DIGITS),
        headers["x-weir-decision"],
    )
