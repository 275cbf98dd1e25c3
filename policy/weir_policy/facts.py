"""What a policy's rules may ask of a request: the fields are the CEL names (`request.turns`)."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from weir_agents.facts import NO_AGENT, AgentFacts, values

AGENT: Final = "agent"  # the fact that has facts of its own


@dataclass(frozen=True, slots=True)
class Facts:
    """One request as rules see it."""

    model: str  # as the client wrote it
    stream: bool = False
    turns: int = 0  # messages of role user
    messages: int = 0  # all messages
    chars: int = 0  # characters of the user's own turns
    tools: int = 0  # tools offered
    images: int = 0  # image parts
    json_schema: bool = False  # response_format asks for a schema
    max_tokens: int = 0  # the cap the client set; 0: none
    temperature: float = 1.0  # 1 where the client set none
    user: str = ""  # the request's user field
    # In lower case; no Authorization, no cookies, no keys.
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    text: str = ""  # the last user turn, capped
    agent: AgentFacts = NO_AGENT  # where an agent's conversation stands


def rule_values(facts: Facts) -> dict[str, object]:
    """All facts as a rule reads them: `request` in CEL."""
    read = {each.name: getattr(facts, each.name) for each in dataclasses.fields(facts)}
    return {**read, AGENT: values(facts.agent)}
