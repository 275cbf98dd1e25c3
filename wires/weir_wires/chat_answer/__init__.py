"""Answers of chat completions as servers write them, read once for the wires of all clients.

Servers that follow OpenAI's API differ in a hundred small ways. A documented answer is decoded at
once into the types of `shapes.py`; any other is read field by field into the same types, so that
no translator needs to know of the difference.
"""

from weir_wires.chat_answer.call_pieces import Call, CallPieces
from weir_wires.chat_answer.finish import Finish
from weir_wires.chat_answer.reader import FirstChoice, read, read_whole
from weir_wires.chat_answer.reasoning import signed_entries, text_entry
from weir_wires.chat_answer.shapes import ChatMessage, Choice, Completion, ToolCall

__all__ = [
    "Call",
    "CallPieces",
    "ChatMessage",
    "Choice",
    "Completion",
    "Finish",
    "FirstChoice",
    "ToolCall",
    "read",
    "read_whole",
    "signed_entries",
    "text_entry",
]
