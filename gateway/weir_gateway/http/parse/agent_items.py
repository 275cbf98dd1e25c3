"""Calls of tools and their results among the items of OpenAI's responses, in one neutral form.

What a client writes oddly is read as far as it goes: it never refuses a request.
"""

from typing import Any, Final

import msgspec

from weir_agents.conversation import ConversationReader
from weir_agents.turns import Call, Result
from weir_gateway.http.parse.agent_calls import list_of, object_of, text_of

CALL: Final = "_call"  # ends the types of calls
OUTPUT: Final = "_output"  # and of their results
FAILED: Final = frozenset({"failed", "incomplete"})
# The names that tools have which are a type of item of their own.
TOOLS: Final = {
    "local_shell_call": "local_shell",
    "shell_call": "shell",
    "apply_patch_call": "apply_patch",
    "web_search_call": "web_search",
    "file_search_call": "search",
    "code_interpreter_call": "python",
    "computer_call": "computer",
    "image_generation_call": "image_generation",
}


class ResponsesItem(msgspec.Struct):
    """The fields of an item that calls and results have."""

    type: str = "message"
    id: Any = None
    call_id: Any = None
    name: Any = None
    arguments: Any = None
    input: Any = None
    action: Any = None
    operation: Any = None
    code: Any = None
    output: Any = None
    error: Any = None
    status: Any = None


def read_item(item: ResponsesItem, text: str, conversation: ConversationReader) -> None:
    """Take one item; `text` is its output where that is text or parts."""
    if item.type.endswith(OUTPUT):
        conversation.result(_result(item, text))
    elif item.type.endswith(CALL):
        conversation.call(_call(item))
        if item.output is not None or item.error is not None:  # the provider ran it
            failed = bool(item.error) or text_of(item.status) in FAILED
            output = text or _described(item.error or item.output)
            conversation.result(Result(_call_id(item), output, error=failed or None))
    elif "compaction" in item.type:
        conversation.compacted()


def _call(item: ResponsesItem) -> Call:
    arguments = item.arguments if item.arguments is not None else item.input
    for described in (item.action, item.operation, item.code):
        arguments = described if arguments is None else arguments
    name = text_of(item.name) or TOOLS.get(item.type, item.type.removesuffix(CALL))
    return Call(_call_id(item), name, _described(arguments))


def _result(item: ResponsesItem, text: str) -> Result:
    failed = text_of(item.status) in FAILED
    return Result(_call_id(item), text or _ran(item.output), error=failed or None)


def _ran(output: object) -> str:
    """The outputs of commands, each with how it ended, as a shell's tool gives them back."""
    texts: list[str] = []
    for each in list_of(output):
        ran = object_of(each)
        code = object_of(ran.get("outcome")).get("exit_code")
        ended = f"exit code: {code}" if isinstance(code, int) else ""
        parts = (text_of(ran.get("stdout")), text_of(ran.get("stderr")), ended)
        texts += [part for part in parts if part]
    return "\n".join(texts) or _described(object_of(output) or None)


def _call_id(item: ResponsesItem) -> str:
    return text_of(item.call_id) or text_of(item.id)


def _described(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return msgspec.json.encode(value).decode()
