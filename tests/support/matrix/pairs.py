"""The pairs of wires there are, and the forms of both sides. A new wire adds a line to each table.

A wire that clients can't speak has no line in CLIENTS, one that no provider speaks none in
PROVIDERS; `test_matrix.py` fails where the registry has a pair without both.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from support.matrix.bedrock import ConverseProvider, InvokeProvider
from support.matrix.chat import ChatClient, ChatProvider
from support.matrix.completions import CompletionsClient, CompletionsProvider
from support.matrix.forms import ClientForm, ProviderForm
from support.matrix.gemini import GeminiClient, GeminiProvider
from support.matrix.messages import MessagesClient, MessagesProvider, VertexClaudeProvider
from support.matrix.responses import ResponsesClient, ResponsesProvider
from support.matrix.said import PLAIN, Case, Kind, streamed, whole
from weir_wires.bedrock.converse import BEDROCK_CONVERSE
from weir_wires.bedrock.invoke import BEDROCK_INVOKE
from weir_wires.framing import SSE
from weir_wires.registry import WIRES
from weir_wires.vertex.claude import CLAUDE as VERTEX_CLAUDE
from weir_wires.wire import Wire

PROVIDERS: Mapping[Wire, ProviderForm] = {
    Wire.OPENAI_CHAT: ChatProvider(),
    Wire.OPENAI_RESPONSES: ResponsesProvider(),
    Wire.OPENAI_COMPLETIONS: CompletionsProvider(),
    Wire.ANTHROPIC_MESSAGES: MessagesProvider(),
    Wire.GOOGLE_GEMINI: GeminiProvider(),
    BEDROCK_CONVERSE: ConverseProvider(),
    BEDROCK_INVOKE: InvokeProvider(),
    VERTEX_CLAUDE.wire: VertexClaudeProvider(),
}
CLIENTS: Mapping[Wire, ClientForm] = {
    Wire.OPENAI_CHAT: ChatClient(),
    Wire.OPENAI_RESPONSES: ResponsesClient(),
    Wire.OPENAI_COMPLETIONS: CompletionsClient(),
    Wire.ANTHROPIC_MESSAGES: MessagesClient(),
    Wire.GOOGLE_GEMINI: GeminiClient(),
}


@dataclass(frozen=True, slots=True, order=True)
class Pair:
    """A client's wire and the provider's that serves it."""

    client: Wire
    provider: Wire

    @property
    def passes(self) -> bool:
        """Whether the answer passes untouched."""
        return self.client in {self.provider, WIRES[self.provider].format_of}

    @property
    def passes_whole(self) -> bool:
        """Whether a whole answer passes untouched, its streams perhaps in another framing."""
        by_invoke = (self.client, self.provider) == (Wire.ANTHROPIC_MESSAGES, BEDROCK_INVOKE)
        return self.passes or by_invoke

    def __str__(self) -> str:
        return f"{self.client.short}-{self.provider}"


def pairs() -> list[Pair]:
    """Every pair of the registry in which a model writes an answer."""
    written = [wire for wire, spec in WIRES.items() if spec.answer is not None]
    # Only a wire that can become chat, and chat itself, has clients.
    spoken = [wire for wire in written if wire is Wire.OPENAI_CHAT or WIRES[wire].to_chat]
    framed = [wire for wire, spec in WIRES.items() if spec.framing is not SSE]
    return [
        Pair(client, provider)
        for client in spoken
        for provider in [*written, *framed]
        if WIRES.route(client, {provider}) is not None
    ]


def cases(pair: Pair, kind: Kind) -> list[Case]:
    """The cases of one kind for a pair."""
    provider = PROVIDERS[pair.provider]
    if kind is Kind.UNTRANSLATABLE:
        return [whole("a list", b"[1]", None)]
    if kind is not Kind.PLAIN:
        return list(provider.cases.get(kind, ()))
    wholes = [whole(name, provider.whole(said), said) for name, said in PLAIN.items()]
    return wholes + [streamed(name, provider.stream(said), said) for name, said in PLAIN.items()]
