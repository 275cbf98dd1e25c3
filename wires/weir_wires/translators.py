"""The pairs of wires there are: one line each, (the client's, the provider's) to its translation.

Of several ways from one wire the first line is taken. Must not know what a pair does.
"""

from collections.abc import Mapping
from typing import Final

from weir_wires.chat_to_messages import ChatToMessages
from weir_wires.completions_to_chat import CompletionsToChat
from weir_wires.completions_to_messages import completions_to_messages
from weir_wires.messages_to_chat import MessagesToChat
from weir_wires.responses_to_chat import ResponsesToChat
from weir_wires.responses_to_messages import responses_to_messages
from weir_wires.translator import Translator
from weir_wires.wire import Wire

PAIRS: Final[Mapping[tuple[Wire, Wire], Translator]] = {
    (Wire.OPENAI_CHAT, Wire.ANTHROPIC_MESSAGES): ChatToMessages(),
    (Wire.ANTHROPIC_MESSAGES, Wire.OPENAI_CHAT): MessagesToChat(),
    (Wire.OPENAI_RESPONSES, Wire.OPENAI_CHAT): ResponsesToChat(),
    (Wire.OPENAI_RESPONSES, Wire.ANTHROPIC_MESSAGES): responses_to_messages(),
    (Wire.OPENAI_COMPLETIONS, Wire.OPENAI_CHAT): CompletionsToChat(),
    (Wire.OPENAI_COMPLETIONS, Wire.ANTHROPIC_MESSAGES): completions_to_messages(),
}
