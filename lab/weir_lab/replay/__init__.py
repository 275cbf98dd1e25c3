"""Sends recorded prompts through a running gateway and joins its choices with the record.

The gateway's answers are discarded: each model's answer to each prompt is already recorded.
"""

from weir_lab.replay.client import Choice, Target, replay
from weir_lab.replay.ledger import Ledger, Line, Recorded, settle

__all__ = ["Choice", "Ledger", "Line", "Recorded", "Target", "replay", "settle"]
