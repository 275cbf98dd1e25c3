"""Runs of a coding agent, written step by step: as facts, as a chat and as a messages request."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from support.tables import FACTS, request
from weir_agents.conversation import ConversationReader
from weir_agents.facts import AgentFacts
from weir_agents.turns import Call, Result
from weir_agents.weights import ANY_HARNESS, AgentWeights, Head, Heads, Term
from weir_gateway.domain.request import Request

TASK = "Fix the rounding in the invoice's total."
SYSTEM = "You are a coding agent."
FAILS = "FAILED tests/test_money.py::test_total - assert 2.34 == 2.35\n1 failed, 11 passed in 0.5s"
PASSES = "12 passed in 0.48s"
# Failing tests in a row, and little else: .29, .45 and .57 for one, two and three.
_HEAD = Head(-2.4, (Term("failingStreak", 1.0, 0.0, 0.6), Term("errorStreak", 0.3, 0.0, 0.6)))
_HEADS = Heads(stage=_HEAD, finish=_HEAD)
WEIGHTS = AgentWeights(harness=ANY_HARNESS, work=_HEADS, service=_HEADS)


@dataclass(frozen=True)
class Step:
    """One call of a tool and what it gives back."""

    tool: str
    arguments: dict[str, str]
    result: str
    error: bool = False


def read(path: str = "money.py") -> Step:
    """The agent reads a file."""
    return Step("Read", {"file_path": path}, "def total(lines): ...")


def edit(number: int = 0) -> Step:
    """The agent edits a file; each number is another edit."""
    arguments = {"file_path": "money.py", "old_string": "a", "new_string": f"b{number}"}
    return Step("Edit", arguments, "The file money.py has been updated.")


def run_tests(*, fail: bool) -> Step:
    """The agent runs the tests."""
    return Step("Bash", {"command": "pytest -q"}, FAILS if fail else PASSES)


def crash(number: int = 0) -> Step:
    """A command ends with an error."""
    text = f"Traceback (most recent call last):\n  File {number}\nValueError: bad"
    return Step("Bash", {"command": f"python job{number}.py"}, text, error=True)


# The third failing test brings the strong model in; passing tests let the weak one return.
RUN: tuple[Step, ...] = (
    read(),
    edit(1),
    run_tests(fail=True),
    edit(2),
    run_tests(fail=True),
    edit(3),
    run_tests(fail=True),
    read("decimal_use.py"),
    edit(4),
    run_tests(fail=False),
    edit(5),
    run_tests(fail=False),
)


@dataclass(frozen=True)
class Run:
    """One agent's conversation."""

    task: str = TASK
    system: str = SYSTEM
    steps: tuple[Step, ...] = RUN
    headers: dict[str, str] = field(default_factory=dict[str, str])

    def after(self, turns: int) -> "Run":
        """The run with its first steps only."""
        return replace(self, steps=self.steps[:turns])

    def facts(self) -> AgentFacts:
        """What the conversation says; nothing before the first call."""
        reader = ConversationReader()
        reader.user(self.task)
        for number, step in enumerate(self.steps):
            call = Call(f"c{number}", step.tool, json.dumps(step.arguments))
            reader.assistant("I go on.", [call])
            reader.result(Result(f"c{number}", step.result, error=step.error or None))
        return reader.facts()

    def request(self, **changes: Any) -> Request:
        """As the gateway's http layer gives it to routing."""
        facts = replace(FACTS, tools=3, text=self.task, agent=self.facts(), headers=self.headers)
        asked = request(self.task, headers=self.headers, facts=facts)
        changes = {"prompt_tokens": 2_000 + 500 * len(self.steps), **changes}
        return replace(asked, opening=(self.system, self.task), **changes)

    def chat(self, model: str = "auto") -> bytes:
        """As a client of chat completions sends it."""
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": self.system},
            {"role": "user", "content": self.task},
        ]
        for number, step in enumerate(self.steps):
            function = {"name": step.tool, "arguments": json.dumps(step.arguments)}
            call = {"id": f"c{number}", "type": "function", "function": function}
            messages += [
                {"role": "assistant", "content": "I go on.", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": f"c{number}", "content": step.result},
            ]
        tools = [{"type": "function", "function": {"name": n}} for n in _tools()]
        return json.dumps({"model": model, "messages": messages, "tools": tools}).encode()

    def messages(self, model: str = "auto") -> bytes:
        """As a client of Anthropic's messages sends it."""
        messages: list[dict[str, Any]] = [{"role": "user", "content": self.task}]
        for number, step in enumerate(self.steps):
            call = {
                "type": "tool_use",
                "id": f"c{number}",
                "name": step.tool,
                "input": step.arguments,
            }
            result: dict[str, Any] = {
                "type": "tool_result",
                "tool_use_id": f"c{number}",
                "content": step.result,
            }
            if step.error:
                result["is_error"] = True
            messages += [
                {"role": "assistant", "content": [{"type": "text", "text": "I go on."}, call]},
                {"role": "user", "content": [result]},
            ]
        tools = [{"name": n, "input_schema": {"type": "object"}} for n in _tools()]
        body = {"model": model, "max_tokens": 100, "system": self.system}
        return json.dumps({**body, "messages": messages, "tools": tools}).encode()


def _tools() -> Sequence[str]:
    return ("Read", "Edit", "Bash")
