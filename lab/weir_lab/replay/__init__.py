"""Recorded prompts through a running gateway, its choices joined with what was recorded.

The answers that come back are of no interest: what each model would have answered is on record.
"""

from weir_lab.replay.client import Choice, replay
from weir_lab.replay.ledger import Ledger, Line, settle

__all__ = ["Choice", "Ledger", "Line", "replay", "settle"]
