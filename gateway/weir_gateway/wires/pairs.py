"""The pairs of wires there are: one line each, (the client's, the provider's) to its translation.

Of several ways from one wire the first line is taken. Must not know what a pair does.
"""

from collections.abc import Mapping
from typing import Final

from weir_gateway.domain.wire import Wire
from weir_gateway.wires.chat_to_messages import ChatToMessages
from weir_gateway.wires.messages_to_chat import MessagesToChat
from weir_gateway.wires.pair import Pair

PAIRS: Final[Mapping[tuple[Wire, Wire], Pair]] = {
    (Wire.OPENAI_CHAT, Wire.ANTHROPIC_MESSAGES): ChatToMessages(),
    (Wire.ANTHROPIC_MESSAGES, Wire.OPENAI_CHAT): MessagesToChat(),
}
