"""How hard is a prompt? A bundle answers: in process through `Bundle`, or over gRPC."""

from weir_scorer.bundle import Bundle, BundleError

__all__ = ["Bundle", "BundleError"]
