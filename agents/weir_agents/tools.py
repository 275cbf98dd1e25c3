"""What a call does, by the tool's name and, for a shell, by its command."""

import re
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple

from weir_agents.shell import command_kind
from weir_agents.tool_kind import ToolKind
from weir_agents.turns import Call, cut

_NAME_CHARS: Final = 100
_REMEMBERED: Final = 8192  # calls whose kind is remembered: agents send their history again

_NAMES: Final[Mapping[ToolKind, str]] = {
    ToolKind.SHELL: """bash shell execute_bash run_shell_command exec_command execute_command
        run_command run_terminal_cmd local_shell local_shell_call container_exec exec terminal
        run_in_terminal powershell execute cmd write_stdin bashoutput execute_ipython_cell python
        run_python code_execution bash_code_execution container_exec_command shell_command""",
    ToolKind.READ: """read read_file view view_file cat open_file list_dir list_directory
        list_files ls read_many_files notebookread open goto scroll_down scroll_up get_file_contents
        read_multiple_files directory_tree get_file_info view_image read_mcp_resource""",
    ToolKind.EDIT: """edit edit_file write write_file multiedit multi_edit create create_file
        str_replace insert replace replace_in_file write_to_file apply_patch apply_diff notebookedit
        search_replace edit_notebook delete_file patch insert_content append_file move_file
        insert_edit_into_file replace_string_in_file text_editor_code_execution""",
    ToolKind.SEARCH: """grep glob search rg grep_search file_search codebase_search search_files
        search_file_content find_file search_dir search_file find search_code toolsearch
        tool_search list_code_definition_names semantic_search lsp""",
    ToolKind.TEST: "test run_tests run_test runtests execute_tests pytest",
    ToolKind.WEB: """webfetch websearch web_fetch web_search google_web_search fetch browser
        browse browser_action fetch_url web_search_call fetch_webpage http_request""",
    ToolKind.SUBMIT: """submit finish attempt_completion task_complete complete done exit_session
        final_answer mark_complete""",
    ToolKind.PLAN: """todowrite todoread todo_write update_plan write_todos exitplanmode
        enterplanmode exit_plan_mode think update_todo_list manage_todo_list task_tracker
        taskcreate taskupdate tasklist taskget plan""",
    ToolKind.TASK: """task agent spawn_agent new_task delegate dispatch_agent subagent
        delegate_to_agent call_omo_agent runsubagent""",
}
_KINDS: Final = {name: kind for kind, names in _NAMES.items() for name in names.split()}
# Tools whose argument says what they do: Anthropic's text editor, OpenHands' editor.
_EDITORS: Final = frozenset(
    {"str_replace_editor", "str_replace_based_edit_tool", "file_editor", "text_editor"}
)
_VIEWS: Final = re.compile(r'"command"\s*:\s*"view"')
# Words of names that no table has, tried in this order.
_HINTS: Final = (
    (re.compile(r"(?:^|_)(?:pytest|unittests?|tests)(?:_|$)|^run_test"), ToolKind.TEST),
    (re.compile(r"(?:^|_)(?:bash|shell|terminal|exec|command)(?:_|$)"), ToolKind.SHELL),
    (
        re.compile(r"(?:^|_)(?:edit|write|patch|insert|replace|modify|append)(?:_|$)"),
        ToolKind.EDIT,
    ),
    (re.compile(r"(?:^|_)(?:grep|glob|search|find)(?:_|$)"), ToolKind.SEARCH),
    (re.compile(r"(?:^|_)(?:web|browser|url|http)(?:_|$)"), ToolKind.WEB),
    (re.compile(r"(?:^|_)(?:read|view|list|ls|cat)(?:_|$)"), ToolKind.READ),
    (re.compile(r"(?:^|_)(?:todos?|plan)(?:_|$)"), ToolKind.PLAN),
)
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PATH: Final = re.compile(
    r'"(?:file_path|path|filename|filePath|notebook_path|target_file|file)"\s*:\s*"((?:[^"\\]|\\.){1,400})"'
)
_PATCHED: Final = re.compile(r"\*\*\* (?:Update|Add|Delete) File: ([^\n\\]{1,400})")
# The verbs of a domain's own tools, such as an airline's `cancel_reservation`.
_HANDS_OVER: Final = re.compile(r"(?:^|_)(?:transfer|escalate|handoff|hand_over|hand_off)(?:_|$)")
_ACTS: Final = re.compile(
    r"^(?:update|modify|change|set|add|create|delete|remove|cancel|book|place|submit|send|pay|refund"
    r"|return|exchange|reset|enable|disable|toggle|grant|revoke|resume|suspend|refuel|reboot|make"
    r"|save|post|put|apply|approve|reject|assign|close|open|start|stop|move|rename|upload|install)"
    r"(?:_|$)"
)


class Change(Enum):
    """What a tool of no known kind changes, by its name."""

    NONE = "none"
    ACT = "act"
    HAND_OVER = "handOver"  # the user to a person


class CallRead(NamedTuple):
    """What one call does."""

    kind: ToolKind
    by_shell: bool  # whether a shell's command does it
    key: int  # equal for the same call again
    file: str  # that an edit names; empty where it names none
    change: Change  # of a tool of no known kind


def read_call(call: Call) -> CallRead:
    """What a call does, by its name and the head and tail of its arguments."""
    return _read(call.name[:_NAME_CHARS], cut(call.arguments), len(call.arguments))


@lru_cache(maxsize=_REMEMBERED)
def _read(name: str, arguments: str, chars: int) -> CallRead:
    plain = _plain(name)
    kind = _named(plain, arguments)
    by_shell = kind is ToolKind.SHELL
    if by_shell:
        kind = command_kind(arguments)
    file = _edited_file(arguments) if kind is ToolKind.EDIT else ""
    made = _change(plain) if kind is ToolKind.OTHER else Change.NONE
    return CallRead(kind, by_shell, hash((name, arguments, chars)), file, made)


def _change(plain: str) -> Change:
    """What a tool of no known kind changes."""
    words = _words(plain)
    if _HANDS_OVER.search(words):
        return Change.HAND_OVER
    return Change.ACT if _ACTS.search(words) else Change.NONE


def _edited_file(arguments: str) -> str:
    found = _PATH.search(arguments) or _PATCHED.search(arguments)
    return found[1] if found else ""


def _named(name: str, arguments: str) -> ToolKind:
    lower = name.lower().replace("-", "_")
    if lower in _EDITORS:
        return ToolKind.READ if _VIEWS.search(arguments) else ToolKind.EDIT
    known = _KINDS.get(lower) or _KINDS.get(lower.replace("_", ""))
    if known is not None:
        return known
    words = _words(name)
    return next((kind for hint, kind in _HINTS if hint.search(words)), ToolKind.OTHER)


def _plain(name: str) -> str:
    """A tool's name without its server's."""
    return name.rsplit("__", 1)[-1].rsplit(".", 1)[-1].rsplit(":", 1)[-1]


def _words(name: str) -> str:
    return _HUMP.sub("_", name).lower().replace("-", "_")
