"""Reads whether an answer ends an agent's run, and what the run as a whole says then."""

import asyncio
from collections.abc import Sequence
from typing import Final

from weir_agents.answered import finishes, with_answer
from weir_agents.facts import AgentFacts
from weir_agents.tool_kind import ToolKind
from weir_agents.tools import read_call
from weir_agents.turns import Call
from weir_gateway.domain.request import Request
from weir_wires.call_names import call_names
from weir_wires.content_readers import read_answer, read_stream
from weir_wires.event import EventReader, EventTooLarge
from weir_wires.wire import Wire

MAX_ON_LOOP: Final = 64 * 1024  # bytes; reading more takes over a millisecond: off the loop


class StreamWatch:
    """Watches one stream for the beginning of a call that is no submission."""

    __slots__ = ("_events", "_wire")

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._events = EventReader()

    def calls(self, chunk: bytes) -> bool:
        """Whether a call begins in `chunk`; True also of what can't be read."""
        try:
            events = self._events.feed(chunk)
        except EventTooLarge:
            return True
        return any(_works_on(call_names(self._wire, event.data)) for event in events)


class WireFinishReader:
    """Fills routing's FinishReader for all wires of agents."""

    def watch(self, request: Request) -> StreamWatch:
        """A watch for a streamed answer to `request`."""
        return StreamWatch(request.wire)

    async def read(
        self, request: Request, chunks: Sequence[bytes], *, stream: bool
    ) -> AgentFacts | None:
        """The finished run's facts, the answer included; None where the answer ends no run.

        An answer ends a run if it submits, or if it calls no tool and asks the user nothing.
        """
        if sum(map(len, chunks)) > MAX_ON_LOOP:
            return await asyncio.to_thread(_finished, request, b"".join(chunks), stream)
        return _finished(request, b"".join(chunks), stream)


def _finished(request: Request, answer: bytes, stream: bool) -> AgentFacts | None:  # noqa: FBT001 - called by a thread, which takes no names
    wire = request.wire
    content = read_stream(wire, [answer]) if stream else read_answer(wire, answer)
    if content is None:
        return None
    # `content` has no calls of the types that only OpenAI's responses know.
    if not stream and not content.calls and call_names(wire, answer):
        return None
    calls = [Call("", call.name, call.arguments) for call in content.calls]
    by_text = not request.facts.tools
    facts = with_answer(request.facts.agent, content.text, calls, by_text=by_text)
    asks = facts.asks and not facts.done
    return facts if finishes(facts) and not asks else None


def _works_on(names: Sequence[str]) -> bool:
    """Whether there is a call, and none of them submits."""
    return bool(names) and not any(
        read_call(Call("", name, "{}"))[0] is ToolKind.SUBMIT for name in names
    )
