"""Names and ids, so that one kind is never handed over for another. Knows nothing else."""

from typing import NewType

PolicyId = NewType("PolicyId", str)  # "namespace/name"
BackendId = NewType("BackendId", str)  # "namespace/name"
ModelName = NewType("ModelName", str)  # what a client writes in `model`
RouterName = NewType("RouterName", str)  # a router of the scorer's bundle; "" is its default
ProfileName = NewType("ProfileName", str)  # a quality profile of the bundle
DecisionId = NewType("DecisionId", str)  # 32 hex digits, given back in x-weir-decision
TableVersion = NewType("TableVersion", str)  # sha256 of a route table
BundleVersion = NewType("BundleVersion", str)  # name@digest of the scorer's bundle
KeyName = NewType("KeyName", str)  # of a client key; never the key itself
