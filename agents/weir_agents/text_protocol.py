"""Agents that write their calls as text and get results as the user's messages."""

import json
import re
from itertools import pairwise
from typing import Final

from weir_agents.turns import Call

_READ_CHARS: Final = 10_000  # of one message of the model that are searched for calls
_MOST_CALLS: Final = 16  # of one message
_HEAD: Final = 200  # characters that tell a result from a user's words

_RESULTS: Final = (
    # mini-SWE-agent
    *("<returncode>", "<exit_code>", "<output>\n", "<exception>", "<warning>\nThe output of"),
    *("Please always provide EXACTLY ONE action", "The last command <command>", "Format error:"),
    # SWE-agent, ReAct, OpenHands
    *("OBSERVATION:", "Observation:", "<observation>", "EXECUTION RESULT of ["),
    # tools in XML
    *("<function_results>", "<function_result>", "<tool_response>", "<tool_result>"),
    *("<tool_results>", "<tool_output>", "<execution_results>", "<result>", "<stdout>", "<stderr>"),
    # terminals
    *("New Terminal Output:", "Current Terminal Screen:", "Current terminal state:"),
    *("Previous response had ", "Tool result:", "Tool output:", "Command output:"),
    # aider
    *("I ran this command:", "# The SEARCH/REPLACE", "# Fix any errors below", "# The other "),
    *("The LLM did not conform to the edit format", "Those are *all* the files"),
    # Cline and its kin
    *("[ERROR] You did not use a tool", "The tool execution failed"),
)
_CLINE: Final = re.compile(r"\[\w+(?: for [^\n]{0,150}?)?\] (?:Result|Error):")

_TAGS: Final = (
    "execute_command read_file write_to_file replace_in_file apply_diff insert_content search_files"
    " list_files list_code_definition_names browser_action use_mcp_tool attempt_completion new_task"
    " update_todo_list execute_bash execute_ipython bash"
)
# Every pattern ends also at the text's end, so that no start of a call is tried twice.
_FENCE: Final = re.compile(
    r"```(?:bash|sh|shell|zsh|console|mswea_bash_command|tool_code|py|python)[^\S\n]*\n(.*?)(?:```|\Z)",
    re.DOTALL,
)
_FUNCTION: Final = re.compile(r"<function=([\w.-]{1,80})>(.*?)(?:</function>|\Z)", re.DOTALL)
_INVOKE: Final = re.compile(r"<invoke name=\"([^\"\n]{1,80})\">(.*?)(?:</invoke>|\Z)", re.DOTALL)
_TAG: Final = re.compile(rf"<({'|'.join(_TAGS.split())})>(.*?)(?:</\1>|\Z)", re.DOTALL)
_JSON: Final = re.compile(r"<tool_call>\s*(.*?)(?:</tool_call>|\Z)", re.DOTALL)
_NAME: Final = re.compile(r"\"name\"\s*:\s*\"([^\"\n]{1,80})\"")
_REACT: Final = re.compile(
    r"^Action:[^\S\n]*([^\n]{1,200})\n(?:Action Input:(.*?))?(?=\nObservation:|^Action:|\Z)",
    re.DOTALL | re.MULTILINE,
)
_KEYS: Final = re.compile(r"\"keystrokes\"\s*:\s*(\"(?:[^\"\\]|\\.)*+\")")
_BLOCK: Final = re.compile(r"^<{5,9} SEARCH$", re.MULTILINE)
_PARAMETER: Final = re.compile(
    r"<parameter(?:=|\s+name=\")(\w{1,40})\"?>(.*?)(?=</parameter>|<parameter|\Z)", re.DOTALL
)
_ELEMENT: Final = re.compile(r"<(command|path|content|diff|regex)>(.*?)(?:</\1>|\Z)", re.DOTALL)


def is_result_text(text: str) -> bool:
    """Whether a user's message reads like a result; one is only after a call by the model."""
    head = text[:_HEAD].lstrip()
    return head.startswith(_RESULTS) or (head.startswith("[") and _CLINE.match(head) is not None)


def calls_in(text: str) -> tuple[Call, ...]:
    """The calls in a message of the model, in the first notation that it uses."""
    text = text[:_READ_CHARS]
    for mark, read in _NOTATIONS:
        if mark in text:
            found = read(text)
            if found:
                return tuple(found[:_MOST_CALLS])
    return ()


def _fenced(text: str) -> list[Call]:
    return [Call("", "bash", found[1].strip()) for found in _FENCE.finditer(text)]


def _functions(text: str) -> list[Call]:
    return [Call("", found[1], _arguments(found[2])) for found in _FUNCTION.finditer(text)]


def _invoked(text: str) -> list[Call]:
    return [Call("", found[1], _arguments(found[2])) for found in _INVOKE.finditer(text)]


def _tagged(text: str) -> list[Call]:
    return [Call("", found[1], _arguments(found[2])) for found in _TAG.finditer(text)]


def _json_calls(text: str) -> list[Call]:
    calls: list[Call] = []
    for found in _JSON.finditer(text):
        name = _NAME.search(found[1])
        calls.append(Call("", name[1] if name else "", found[1]))
    return calls


def _react(text: str) -> list[Call]:
    calls: list[Call] = []
    for found in _REACT.finditer(text):
        name, _, rest = found[1].strip().partition("(")
        calls.append(Call("", name.strip(), (found[2] or rest).strip()))
    return calls


def _keystrokes(text: str) -> list[Call]:
    return [Call("", "bash", f'{{"command": {found[1]}}}') for found in _KEYS.finditer(text)]


def _edit_blocks(text: str) -> list[Call]:
    starts = [found.start() for found in _BLOCK.finditer(text)]
    return [
        Call("", "replace_in_file", text[start:end])
        for start, end in pairwise([*starts, len(text)])
    ]


def _arguments(body: str) -> str:
    """The parameters of a call in XML as JSON; the body itself where it has none."""
    found = _PARAMETER.findall(body) or _ELEMENT.findall(body)
    return json.dumps({name: value.strip() for name, value in found}) if found else body.strip()


_NOTATIONS: Final = (
    ("<function=", _functions),
    ("<invoke name=", _invoked),
    ("<tool_call>", _json_calls),
    (" SEARCH\n", _edit_blocks),
    ("</", _tagged),
    ("Action:", _react),
    ('"keystrokes"', _keystrokes),
    ("```", _fenced),
)
