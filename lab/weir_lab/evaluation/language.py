"""The script that most of a text's letters are written in: a stand-in for its language.

Python's character names suffice; which of the languages of one script it is, they do not tell.
"""

import unicodedata
from collections import Counter

_READ = 500  # characters; the rest is hardly another script
_SCRIPTS = {
    "LATIN": "Latin",
    "CJK": "Chinese",
    "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese",
    "HANGUL": "Korean",
    "CYRILLIC": "Cyrillic",
    "ARABIC": "Arabic",
    "HEBREW": "Hebrew",
    "GREEK": "Greek",
    "DEVANAGARI": "Devanagari",
    "THAI": "Thai",
}


def script(text: str) -> str:
    """The script's name; `other` where no letter is of a known one."""
    found = Counter(
        _SCRIPTS.get(unicodedata.name(c, "?").split(" ", 1)[0], "other")
        for c in text[:_READ]
        if c.isalpha()
    )
    if not found:
        return "other"
    if found["Japanese"]:
        found["Japanese"] += found.pop("Chinese", 0)  # kanji are named CJK too
    return found.most_common(1)[0][0]
