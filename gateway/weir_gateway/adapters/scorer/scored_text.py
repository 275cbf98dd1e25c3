"""Makes a prompt fit for the wire. What of it the router reads is the scorer's business."""

MAX_CHARS = 65_536  # many times what any router reads; bounds what is hashed and sent


def fit_for_wire(text: str) -> str:
    """The text's first MAX_CHARS characters, lone surrogates replaced: protobuf takes none."""
    if len(text) > MAX_CHARS:
        text = text[:MAX_CHARS]
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")
