"""A coding agent's session as its client sends it, turn by turn: tests fail thrice, then pass."""

import json
from dataclasses import dataclass
from typing import Any, Final

MODEL: Final = "agent"
SYSTEM: Final = "You are a coding agent. Use the tools to change the repository and run its tests."
TASK: Final = "The invoice total is off by one cent. Fix it."
FAILED: Final = (
    "============================= test session starts ==============================\n"
    "FAILED tests/test_money.py::test_total - AssertionError: assert 2.34 == 2.35\n"
    "1 failed, 11 passed in 0.52s"
)
EDITED: Final = "The file has been updated."


@dataclass(frozen=True, slots=True)
class Turn:
    """One call of the agent and what came back."""

    event: str  # in the demo's table
    tool: str
    arguments: dict[str, str]
    result: str


def _edit(file: str, new: str) -> Turn:
    arguments = {"file_path": file, "old_string": "round(total, 2)", "new_string": new}
    return Turn(f"edits {file}", "Edit", arguments, EDITED)


def _tests(result: str, event: str) -> Turn:
    return Turn(event, "Bash", {"command": "pytest -q"}, result)


TURNS: Final = (
    Turn("reads money.py", "Read", {"file_path": "money.py"}, "def total(lines): ..."),
    _edit("money.py", "round(total + 0.001, 2)"),
    _tests(FAILED, "tests fail"),
    _edit("money.py", "round(total + 0.005, 2)"),
    _tests(FAILED, "tests fail a second time"),
    _edit("money.py", "round(sum(lines), 2)"),
    _tests(FAILED, "tests fail a third time"),
    Turn("reads tax.py", "Read", {"file_path": "tax.py"}, "from decimal import Decimal"),
    _edit("tax.py", "Decimal(total).quantize(CENT, ROUND_HALF_UP)"),
    _tests("12 passed in 0.48s", "tests pass"),
    _edit("README.md", "Totals are rounded half up."),
)


def bodies() -> list[tuple[str, dict[str, Any]]]:
    """What happened before each request, and the request."""
    events = ["begins", *(turn.event for turn in TURNS)]
    return [(event, _body(TURNS[:number])) for number, event in enumerate(events)]


def _body(turns: tuple[Turn, ...]) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": TASK},
    ]
    for number, turn in enumerate(turns):
        function = {"name": turn.tool, "arguments": json.dumps(turn.arguments)}
        call = {"id": f"call_{number}", "type": "function", "function": function}
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"call_{number}", "content": turn.result},
        ]
    names = ("Read", "Edit", "Bash")
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    return {"model": MODEL, "messages": messages, "tools": tools, "max_tokens": 200}
