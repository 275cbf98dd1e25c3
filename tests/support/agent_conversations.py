"""One conversation of an agent, written as every client wire writes it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from weir_gateway.domain.request import Request
from weir_gateway.http.parse import (
    anthropic_messages,
    google_gemini,
    openai_chat,
    openai_responses,
)
from weir_wires.wire import Wire

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the model, with what came back."""

    text: str = ""
    name: str = ""  # of the tool it calls; empty: none
    arguments: Json | None = None
    result: str = ""
    user: str = ""  # what the user writes after it


Conversation = Sequence[Turn]
FIRST = "Make the tests of the parser pass."


def chat(turns: Conversation) -> Request:
    messages: list[Json] = [{"role": "system", "content": "Be brief."}, _user(FIRST)]
    for number, turn in enumerate(turns):
        said: Json = {"role": "assistant", "content": turn.text or None}
        if turn.name:
            function = {"name": turn.name, "arguments": json.dumps(turn.arguments)}
            said["tool_calls"] = [{"id": f"c{number}", "type": "function", "function": function}]
        messages.append(said)
        if turn.name:
            messages.append({"role": "tool", "tool_call_id": f"c{number}", "content": turn.result})
        messages += [_user(turn.user)] if turn.user else []
    return openai_chat.parse(_body(messages=messages), {})


def legacy(turns: Conversation) -> Request:
    messages: list[Json] = [_user(FIRST)]
    for turn in turns:
        said: Json = {"role": "assistant", "content": turn.text or None}
        if turn.name:
            said["function_call"] = {"name": turn.name, "arguments": json.dumps(turn.arguments)}
        messages.append(said)
        if turn.name:
            messages.append({"role": "function", "name": turn.name, "content": turn.result})
        messages += [_user(turn.user)] if turn.user else []
    return openai_chat.parse(_body(messages=messages), {})


def messages(turns: Conversation) -> Request:
    written: list[Json] = [_user(FIRST)]
    for number, turn in enumerate(turns):
        blocks: list[Json] = [{"type": "text", "text": turn.text}] if turn.text else []
        answer: list[Json] = []
        if turn.name:
            call = {"id": f"c{number}", "name": turn.name, "input": turn.arguments}
            blocks.append({"type": "tool_use", **call})
            result = {"tool_use_id": f"c{number}", "content": turn.result}
            answer.append({"type": "tool_result", **result})
        if turn.user:
            answer.append({"type": "text", "text": turn.user})
        written.append({"role": "assistant", "content": blocks})
        written += [{"role": "user", "content": answer}] if answer else []
    return anthropic_messages.parse(_body(messages=written, max_tokens=10), {})


def responses(turns: Conversation) -> Request:
    items: list[Json] = [{"type": "message", **_user(FIRST)}]
    for number, turn in enumerate(turns):
        if turn.text:
            items.append({"type": "message", "role": "assistant", "content": turn.text})
        if turn.name:
            call = {"name": turn.name, "arguments": json.dumps(turn.arguments)}
            items.append({"type": "function_call", "call_id": f"c{number}", **call})
            output = {"call_id": f"c{number}", "output": turn.result}
            items.append({"type": "function_call_output", **output})
        items += [{"type": "message", **_user(turn.user)}] if turn.user else []
    return openai_responses.parse(_body(input=items), {})


def gemini(turns: Conversation) -> Request:
    contents: list[Json] = [{"role": "user", "parts": [{"text": FIRST}]}]
    for turn in turns:
        parts: list[Json] = [{"text": turn.text}] if turn.text else []
        answer: list[Json] = []
        if turn.name:
            parts.append({"functionCall": {"name": turn.name, "args": turn.arguments}})
            response = {"name": turn.name, "response": {"output": turn.result}}
            answer.append({"functionResponse": response})
        if turn.user:
            answer.append({"text": turn.user})
        contents.append({"role": "model", "parts": parts})
        contents += [{"role": "user", "parts": answer}] if answer else []
    body = json.dumps({"contents": contents}).encode()
    return google_gemini.parse(body, {}, "auto", Wire.GOOGLE_GEMINI, stream=False)


def fenced(turns: Conversation) -> Request:
    """Calls as fenced shell blocks, results in the user's messages; shells only."""
    written: list[Json] = [_user(FIRST)]
    for turn in turns:
        said = turn.text
        if turn.name:
            command: str = (turn.arguments or {})["command"]
            said = f"{turn.text}\n\n```bash\n{command}\n```"
        written.append({"role": "assistant", "content": said})
        if turn.name:
            result = f"<output>\n{turn.result}</output>"
            written.append(_user(result))
        written += [_user(turn.user)] if turn.user else []
    return openai_chat.parse(_body(messages=written), {})


WIRES: dict[str, Callable[[Conversation], Request]] = {
    "chat": chat,
    "legacy": legacy,
    "messages": messages,
    "responses": responses,
    "gemini": gemini,
}


def _user(text: str) -> Json:
    return {"role": "user", "content": text}


def _body(**fields: Any) -> bytes:
    return json.dumps({"model": "auto", **fields}).encode()
