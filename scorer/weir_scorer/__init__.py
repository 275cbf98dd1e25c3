"""How hard is a prompt? A bundle answers: in process through `Bundle`, or over gRPC."""

from weir_scorer.bundle import Bundle, BundleError
from weir_scorer.features.turns import Chat

__all__ = ["Bundle", "BundleError", "Chat"]
