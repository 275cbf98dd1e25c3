"""The facts as text: JSON for the ledger, a sentence for people."""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any, Final, cast

from weir_agents.facts import NO_AGENT, AgentFacts, camel

_FIELDS: Final = tuple((each.name, camel(each.name)) for each in dataclasses.fields(AgentFacts))


def to_json(facts: AgentFacts) -> str:
    """The facts that are not as in a plain chat, by the names that rules write; empty for none."""
    if facts is NO_AGENT:
        return ""
    changed = {
        name: value
        for field, name in _FIELDS
        if (value := getattr(facts, field)) != getattr(NO_AGENT, field)
    }
    return json.dumps(changed, separators=(",", ":")) if changed else ""


def from_json(text: str) -> AgentFacts:
    """The facts that `to_json` wrote, also by another version: what is unknown is left out.

    Raises ValueError where it is not such text.
    """
    if not text:
        return NO_AGENT
    read: object = json.loads(text)
    if not isinstance(read, dict):
        raise ValueError("an agent's facts are a JSON object")  # noqa: TRY004 - as for other text that isn't JSON
    written = cast("dict[str, object]", read)
    known: dict[str, Any] = {}
    for field, name in _FIELDS:
        value = written.get(name)
        if _fits(value, getattr(NO_AGENT, field)):
            known[field] = value
    return dataclasses.replace(NO_AGENT, **known)


def _fits(value: object, default: object) -> bool:
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is type(default)


def sentence(facts: AgentFacts) -> str:
    """What matters of the facts, in one line; empty for a plain chat."""
    return "" if facts == NO_AGENT else ", ".join(_parts(facts))


def _parts(facts: AgentFacts) -> Iterator[str]:
    agent = "a sub-agent" if facts.subagent else "an agent"
    yield agent if facts.harness == NO_AGENT.harness else f"{agent} of {facts.harness}"
    yield f"{_many(facts.turns, 'turn')} ({facts.turns_since_user} since the user wrote)"
    yield _many(facts.calls, "call")
    if facts.edits:
        yield _many(facts.edits, "edit")
    if facts.errors:
        yield f"{_many(facts.errors, 'error')} ({facts.error_streak} in a row now)"
    if facts.tests_run:
        last = "failed" if facts.failing_streak else "passed"
        yield f"{_many(facts.tests_run, 'run')} of tests, the last {last}"
    if facts.idle_repeats:
        yield f"{_many(facts.idle_repeats, 'call')} made again in vain"
    if facts.planning:
        yield "only reading so far"
    if facts.compacted:
        yield "earlier turns summarised"
    if facts.done:
        yield "says it is done"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
