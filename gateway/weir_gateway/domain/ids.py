"""Names and ids, so that one kind is never handed over for another. Knows nothing else."""

from typing import NewType

DecisionId = NewType("DecisionId", str)  # 32 hex digits, given back in x-weir-decision
BundleVersion = NewType("BundleVersion", str)  # name@digest of the scorer's bundle
KeyName = NewType("KeyName", str)  # of a client key; never the key itself
