"""Gemini's contents and answers, as its API writes them and servers send them."""

from typing import Any

import msgspec

ABSENT = msgspec.Raw(b"")


class Blob(msgspec.Struct, rename="camel"):
    """`inlineData` or `fileData` of a part."""

    mime_type: str | None = None
    data: str | None = None
    file_uri: str | None = None
    display_name: str | None = None


class FunctionCall(msgspec.Struct):
    """A call of a function by the model."""

    name: str | None = None
    id: str | None = None
    args: msgspec.Raw = ABSENT


class FunctionResponse(msgspec.Struct):
    """What a function gave back."""

    name: str | None = None
    id: str | None = None
    response: msgspec.Raw = ABSENT
    parts: "list[Part] | None" = None


class Code(msgspec.Struct):
    """`executableCode` or `codeExecutionResult`, of the provider's own tool."""

    language: str | None = None
    code: str | None = None
    outcome: str | None = None
    output: str | None = None


class Part(msgspec.Struct, rename="camel"):
    """One part of a content; one of its fields says what it is."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    inline_data: Blob | None = None
    file_data: Blob | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    executable_code: Code | None = None
    code_execution_result: Code | None = None

    @property
    def words(self) -> str:
        """Its words; those of the provider's own code tool as they would be shown."""
        code, result = self.executable_code, self.code_execution_result
        if code is not None and code.code:
            return f"\n```{(code.language or '').lower()}\n{code.code}\n```\n"
        if result is not None and result.output:
            return f"\n```\n{result.output}\n```\n"
        return self.text or ""


class Content(msgspec.Struct):
    """One turn."""

    role: str | None = None
    parts: list[Part] | None = None


class Candidate(msgspec.Struct, rename="camel"):
    """One of the answers."""

    content: Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    index: int | None = None


class Feedback(msgspec.Struct, rename="camel"):
    """`promptFeedback`: why the prompt was not answered."""

    block_reason: str | None = None
    block_reason_message: str | None = None


class Answer(msgspec.Struct, rename="camel"):
    """An answer, an event of a stream, or an error in its place."""

    candidates: list[Candidate] | None = None
    prompt_feedback: Feedback | None = None
    usage_metadata: Any = None
    model_version: str | None = None
    response_id: str | None = None
    error: Any = None
