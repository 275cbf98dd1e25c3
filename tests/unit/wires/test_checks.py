"""What an answer must be, whatever it says, and when two answers agree."""

import json
from collections.abc import Callable

import pytest

from weir_wires.checks import agree, json_violation, schema_violation, tool_violation
from weir_wires.content import AnswerContent, PromptContent, ToolCall

Violation = Callable[[PromptContent, AnswerContent], str]


def json_only(prompt: PromptContent, answer: AnswerContent) -> str:
    del prompt
    return json_violation(answer)


def schema(value: object) -> PromptContent:
    return PromptContent((), frozenset({"f"}), value)


NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


@pytest.mark.parametrize(
    ("violation", "prompt", "answer", "good"),
    [
        (json_only, schema(None), AnswerContent(' {"n": 1}\n'), True),
        (json_only, schema(None), AnswerContent("```json\n{}\n```"), False),
        (json_only, schema(None), AnswerContent("", (ToolCall("f", "{}"),)), True),
        (schema_violation, schema(NUMBER), AnswerContent('{"n": 1}'), True),
        (schema_violation, schema(NUMBER), AnswerContent('{"n": "1"}'), False),
        (schema_violation, schema(NUMBER), AnswerContent("{}"), False),
        (schema_violation, schema(None), AnswerContent("prose"), True),
        (schema_violation, schema(NUMBER), AnswerContent("", (ToolCall("f", "{}"),)), True),
        (schema_violation, schema({"type": "nonsense"}), AnswerContent("{}"), False),
        (schema_violation, schema("nonsense"), AnswerContent("{}"), False),
        (schema_violation, schema(7), AnswerContent("{}"), False),
        (schema_violation, schema({"$ref": "http://127.0.0.1:9/s"}), AnswerContent("{}"), False),
        (schema_violation, schema({"$ref": "file:///etc/passwd"}), AnswerContent("{}"), False),
        (schema_violation, schema({"const": "x" * (1 << 18)}), AnswerContent("{}"), False),
        (
            schema_violation,
            schema({"pattern": "^(a+)+$"}),
            AnswerContent(json.dumps("a" * 99 + "b")),
            False,
        ),
        (tool_violation, schema(None), AnswerContent("prose"), True),
        (tool_violation, schema(None), AnswerContent("", (ToolCall("f", '{"a": 1}'),)), True),
        (tool_violation, schema(None), AnswerContent("", (ToolCall("g", "{}"),)), False),
        (tool_violation, schema(None), AnswerContent("", (ToolCall("f", '{"a": '),)), False),
        (tool_violation, schema(None), AnswerContent("", (ToolCall("f", "[]"),)), False),
    ],
)
def test_checks(
    violation: Violation, prompt: PromptContent, answer: AnswerContent, *, good: bool
) -> None:
    assert (violation(prompt, answer) == "") is good


@pytest.mark.parametrize(
    ("first", "second", "alike"),
    [
        ("42", " 42.", True),
        ("The answer: Bern", "the answer bern!", True),
        ("ﬁne", "fine", True),
        ('{"a": 1, "b": [2]}', '{"b":[2],"a":1}', True),
        ('{"a": 1}', '{"a": 2}', False),
        ("yes", "no", False),
        ("4", "-4", False),
        ("- 4", "4", True),
        ("4.5", "45", False),
        ("5%", "5", False),
    ],
)
def test_agreement(first: str, second: str, *, alike: bool) -> None:
    assert agree(AnswerContent(first), AnswerContent(second)) is alike
