"""What is remembered of a conversation, so that its provider's prompt cache is used again."""

from dataclasses import dataclass

from weir_gateway.domain.ids import BackendId


@dataclass(frozen=True, slots=True)
class Warm:
    """Which backend has served a conversation last, and about how many tokens of it."""

    backend: BackendId
    tokens: int
