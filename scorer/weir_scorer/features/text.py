"""One text, made safe to read: capped, valid Unicode, in one normal form. Pure.

Order matters: the cap comes first, so that 5 MB of text costs no more than the cap, and again
after NFKC, which can make a text eighteen times as long.
"""

import unicodedata


def normalise(text: str, max_chars: int) -> str:
    """The first `max_chars` characters of `text` in NFKC, lone surrogates as "?", ends stripped."""
    head = text[:max_chars]
    if not head.isascii():
        head = head.encode("utf-8", "replace").decode("utf-8")
        head = unicodedata.normalize("NFKC", head)[:max_chars]
    return head.strip()
