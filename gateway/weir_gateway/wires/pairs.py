"""The pairs of wires there are: one line each, (the client's, the provider's) to its translation.

Of several ways from one wire the first line is taken. Must not know what a pair does.
"""

from collections.abc import Mapping
from typing import Final

from weir_gateway.domain.wire import Wire
from weir_gateway.wires.chat_to_messages import ChatToMessages
from weir_gateway.wires.completions_to_chat import CompletionsToChat
from weir_gateway.wires.completions_to_messages import completions_to_messages
from weir_gateway.wires.messages_to_chat import MessagesToChat
from weir_gateway.wires.pair import Pair
from weir_gateway.wires.responses_to_chat import ResponsesToChat
from weir_gateway.wires.responses_to_messages import responses_to_messages

PAIRS: Final[Mapping[tuple[Wire, Wire], Pair]] = {
    (Wire.OPENAI_CHAT, Wire.ANTHROPIC_MESSAGES): ChatToMessages(),
    (Wire.ANTHROPIC_MESSAGES, Wire.OPENAI_CHAT): MessagesToChat(),
    (Wire.OPENAI_RESPONSES, Wire.OPENAI_CHAT): ResponsesToChat(),
    (Wire.OPENAI_RESPONSES, Wire.ANTHROPIC_MESSAGES): responses_to_messages(),
    (Wire.OPENAI_COMPLETIONS, Wire.OPENAI_CHAT): CompletionsToChat(),
    (Wire.OPENAI_COMPLETIONS, Wire.ANTHROPIC_MESSAGES): completions_to_messages(),
}
