"""A bundle on disk: its manifest, its checksums, and the way from a folder to engines."""

from weir_scorer.bundle.errors import BundleError
from weir_scorer.bundle.opened import Bundle

__all__ = ["Bundle", "BundleError"]
