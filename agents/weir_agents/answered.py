"""The facts of a conversation with one more answer of the model: how they stand if it is given.

For what is decided on an answer before the client has it, such as whether a run is really finished.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from weir_agents.facts import AgentFacts
from weir_agents.text_protocol import calls_in
from weir_agents.tool_kind import ToolKind
from weir_agents.tools import Change, read_call
from weir_agents.turns import Call
from weir_agents.wording import wording

_KINDS: Final = {
    ToolKind.EDIT: "edits",
    ToolKind.READ: "reads",
    ToolKind.SEARCH: "searches",
    ToolKind.WEB: "web_calls",
    ToolKind.PLAN: "plans",
    ToolKind.TASK: "tasks",
    ToolKind.OTHER: "other_calls",
}
_LOOKS: Final = frozenset({ToolKind.READ, ToolKind.SEARCH})
_PLANS: Final = frozenset({*_LOOKS, ToolKind.PLAN, ToolKind.WEB})


def with_answer(
    facts: AgentFacts, text: str, calls: Sequence[Call] = (), *, by_text: bool = False
) -> AgentFacts:
    """The facts after an answer of this text and these calls.

    `by_text`: the request offers no tools, so that calls may stand in the text. Which calls were
    made before, and what was said three messages ago, isn't known from facts: repeated calls stay
    as they are, and the counts over recent turns are those before plus this answer's.
    """
    made = calls or (calls_in(text) if by_text else ())
    after = replace(
        facts,
        turns=facts.turns + 1,
        turns_since_user=facts.turns_since_user + 1,
        calls=facts.calls + len(made),
        text_chars=facts.text_chars + len(text),
        last_text_chars=len(text),
        recent_text_chars=facts.recent_text_chars + len(text),
        planning=facts.planning or (not facts.calls and bool(made)),
        **_words(facts, text, stopped=not made),
    )
    for call in made:
        after = _with_call(after, call)
    return after


def finishes(facts: AgentFacts) -> bool:
    """Whether the model's last turn leaves nothing for the agent to run."""
    return facts.turns > 0 and (facts.stopped or facts.done)


def _words(facts: AgentFacts, text: str, *, stopped: bool) -> dict[str, Any]:
    words = wording(text)
    return {
        "hedging": facts.hedging + words.doubts,
        "asks": words.asks,
        "claims_tests": words.claims_tests,
        "stopped": stopped,
        "done": stopped and words.done,
    }


def _with_call(facts: AgentFacts, call: Call) -> AgentFacts:
    read = read_call(call)
    counts: dict[str, Any] = {
        "argument_chars": facts.argument_chars + len(call.arguments),
        "shell_calls": facts.shell_calls + read.by_shell,
        "acts": facts.acts + (read.change is Change.ACT),
        "hand_overs": facts.hand_overs + (read.change is Change.HAND_OVER),
        "planning": facts.planning and read.kind in _PLANS,
        "done": facts.done or read.kind is ToolKind.SUBMIT,
    }
    name = _KINDS.get(read.kind)
    if name is not None:
        counts[name] = getattr(facts, name) + 1
    if read.kind in _LOOKS:
        counts["recent_reads"] = facts.recent_reads + 1
        counts["reads_since_edit"] = facts.reads_since_edit + 1
    elif read.kind is ToolKind.EDIT:
        counts |= _edited(facts, call)
    return replace(facts, **counts)


def _edited(facts: AgentFacts, call: Call) -> dict[str, Any]:
    return {
        "edit_chars": facts.edit_chars + len(call.arguments),
        "first_edit_turn": facts.first_edit_turn or facts.turns,
        "edits_since_failure": facts.edits_since_failure + 1,
        "production": facts.production + 1,
        "reads_since_edit": 0,
        "tests_since_edit": 0,
    }
