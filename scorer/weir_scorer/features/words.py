"""A text's words, in any script that parts them by spaces or marks. Pure."""

import re

# Vowel signs of Arabic, Hindi and Thai are marks and no letters, yet they don't end a word.
_MARKS = "\u0300-\u036f\u064b-\u065f\u0900-\u0903\u093a-\u094f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
_ASCII_WORD = re.compile(r"[a-z]+")
_WORD = re.compile(rf"[^\W\d_](?:[^\W\d_]|[{_MARKS}])*")
WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")  # of scripts without spaces


def words_of(text: str) -> list[str]:
    """The words in lower case; a run of Chinese or Japanese is one."""
    lower = text.lower()
    return (_ASCII_WORD if lower.isascii() else _WORD).findall(lower)
