"""Reads, checks and compares answers in any wire; large bodies are read in a thread."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from typing import Final

from weir_gateway.domain.ids import DecisionId
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend
from weir_policy.facts import Facts
from weir_policy.ids import ModelName
from weir_policy.spec.cascade import AnswerCheck
from weir_wires import checks, judging
from weir_wires.content import AnswerContent, JudgeQuestion
from weir_wires.content_readers import read_answer, read_prompt, read_stream
from weir_wires.registry import WIRES
from weir_wires.replay import for_request
from weir_wires.wire import Wire

MAX_ON_LOOP: Final = 64 * 1024  # bytes; reading more takes over a millisecond: off the loop
CHARS_PER_TOKEN: Final = 3  # as requests are estimated
# May hold a client's key.
KEY_HEADERS: Final = frozenset({"authorization", "x-api-key", "api-key", "x-goog-api-key"})
BODY_START: Final = (b'{"model":', b'"judge"')  # the start of a judge's request body


def random_fence() -> str:
    """A marker that a prompt can't contain by design or by chance."""
    return f"=====[{secrets.token_hex(8)}]====="


def replay(request: Request, answer: bytes, decision: DecisionId) -> bytes:
    """A stored answer on `request`'s wire, as its own."""
    return for_request(WIRES[request.wire], answer, request.body, decision)


class WireAnswerInspector:
    """Fills routing's AnswerInspector for all wires."""

    def __init__(self, fence: Callable[[], str] = random_fence) -> None:
        """`fence` makes an unguessable marker."""
        self._fence = fence

    async def read(
        self, request: Request, chunks: Sequence[bytes], *, stream: bool
    ) -> AnswerContent | None:
        """The content of an answer; None if it can't be read."""
        if sum(map(len, chunks)) > MAX_ON_LOOP:
            return await asyncio.to_thread(_content_of, request.wire, chunks, stream)
        return _content_of(request.wire, chunks, stream)

    async def violation(self, check: AnswerCheck, request: Request, content: AnswerContent) -> str:
        """How an answer violates `check`; empty if it doesn't. In a thread: schemas can be slow."""
        return await asyncio.to_thread(_violation, check, request, content)

    def agree(self, one: AnswerContent, other: AnswerContent) -> bool:
        """Whether two answers agree."""
        return checks.agree(one, other)

    async def quality_question(self, request: Request, content: AnswerContent) -> JudgeQuestion:
        """The question whether an answer is good."""
        if len(request.body) > MAX_ON_LOOP:
            return await asyncio.to_thread(_quality_question, request, content, self._fence())
        return _quality_question(request, content, self._fence())

    def difficulty_question(self, text: str) -> JudgeQuestion:
        """The question how hard a prompt is."""
        return judging.difficulty_question(text, self._fence())

    def build_request(
        self, question: JudgeQuestion, backend: Backend, request: Request, *, logprobs: bool
    ) -> Request:
        """The question as a request in a wire of the backend."""
        chat = Wire.OPENAI_CHAT in backend.wires
        wire = Wire.OPENAI_CHAT if chat else Wire.ANTHROPIC_MESSAGES
        body = judging.question_body(question, wire, logprobs=logprobs and chat)
        start = len(BODY_START[0])
        headers = {name: value for name, value in request.headers.items() if name in KEY_HEADERS}
        return Request(
            wire=wire,
            body=body,
            model=ModelName("judge"),
            model_span=(start, start + len(BODY_START[1])),
            stream=False,
            headers=headers,
            scored_text="",
            facts=_facts(question),
            needs=frozenset(),
            prompt_tokens=(len(question.rules) + len(question.text)) // CHARS_PER_TOKEN,
            max_tokens=judging.TOKENS_OF_TEXT,
            key=request.key,
        )

    def parse_verdict(self, question: JudgeQuestion, request: Request, body: bytes) -> float | None:
        """The verdict in [0,1]; None if it can't be read."""
        return judging.parse_verdict(question.kind, request.wire, body)


def _content_of(wire: Wire, chunks: Sequence[bytes], stream: bool) -> AnswerContent | None:  # noqa: FBT001 - called by a thread, which takes no names
    return read_stream(wire, chunks) if stream else read_answer(wire, b"".join(chunks))


def _violation(check: AnswerCheck, request: Request, answer: AnswerContent) -> str:
    if check is AnswerCheck.JSON:
        return checks.json_violation(answer)
    prompt = read_prompt(request.wire, request.body)
    if check is AnswerCheck.SCHEMA:
        return checks.schema_violation(prompt, answer)
    return checks.tool_violation(prompt, answer)


def _quality_question(request: Request, answer: AnswerContent, fence: str) -> JudgeQuestion:
    return judging.quality_question(read_prompt(request.wire, request.body), answer, fence)


def _facts(question: JudgeQuestion) -> Facts:
    return Facts(
        model="judge",
        stream=False,
        turns=1,
        messages=2,
        chars=len(question.text),
        tools=0,
        images=0,
        json_schema=False,
        max_tokens=judging.TOKENS_OF_TEXT,
        temperature=0.0,
        user="",
        headers={},
        text="",
    )
