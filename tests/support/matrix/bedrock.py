"""Amazon Bedrock's wires in the matrix, on the provider's side: clients speak neither."""

from collections.abc import Mapping, Sequence

from support.drafts import Draft
from support.matrix import bedrock_cases, messages_writing
from support.matrix.bedrock_writing import answer, block, chunk, ends, starts, tool_use
from support.matrix.chat_writing import halves
from support.matrix.forms import speaking
from support.matrix.said import Case, Finish, Json, Kind, Said
from weir_wires.event_stream import MEDIA_TYPE

STOP = {
    Finish.STOP: "end_turn",
    Finish.LENGTH: "max_tokens",
    Finish.CALLS: "tool_use",
    Finish.FILTERED: "guardrail_intervened",
}


class ConverseProvider:
    """Writes Converse's answers as documented."""

    stream_type = MEDIA_TYPE
    cases: Mapping[Kind, Sequence[Case]] = bedrock_cases.CASES

    def whole(self, said: Said) -> bytes:
        thinking = {"reasoningText": {"text": said.thinking, "signature": "c2ln"}}
        blocks: list[Json] = [{"reasoningContent": thinking}] if said.thinking else []
        blocks += [{"text": said.text}] if said.text else []
        blocks += [tool_use(called) for called in said.calls]
        return answer(blocks, STOP[said.finish])

    def stream(self, said: Said) -> list[bytes]:
        blocks: list[list[Json]] = []
        if said.thinking:
            pieces = [{"reasoningContent": {"text": piece}} for piece in halves(said.thinking)]
            blocks.append([*pieces, {"reasoningContent": {"signature": "c2ln"}}])
        if said.text:
            blocks.append([{"text": piece} for piece in halves(said.text)])
        made = [starts()]
        for number, deltas in enumerate(blocks):
            made += block(number, deltas)
        for number, called in enumerate(said.calls, len(blocks)):
            given = "" if called.arguments == "{}" else called.arguments
            begun = {"toolUse": {"toolUseId": called.id, "name": called.name}}
            deltas = [{"toolUse": {"input": piece}} for piece in halves(given)]
            made += block(number, deltas, begun)
        return made + ends(STOP[said.finish])

    def backend(self, name: str, url: str) -> Draft:
        return speaking(name, url.removesuffix("/v1"), "bedrock", "converse")


class InvokeProvider:
    """Writes Anthropic's answers, and its events in Bedrock's framing."""

    stream_type = MEDIA_TYPE
    cases: Mapping[Kind, Sequence[Case]] = bedrock_cases.INVOKE_CASES

    def whole(self, said: Said) -> bytes:
        return messages_writing.whole(said)

    def stream(self, said: Said) -> list[bytes]:
        return [chunk(event) for event in messages_writing.pieces(said)]

    def backend(self, name: str, url: str) -> Draft:
        return speaking(name, url.removesuffix("/v1"), "bedrock", "messages")
