"""A bundle on disk: its manifest and checksums, read into engines.

Must not know gRPC, queues or how a bundle is built.
"""

from weir_scorer.bundle.bundle import Bundle
from weir_scorer.bundle.errors import BundleError

__all__ = ["Bundle", "BundleError"]
