"""Names and ids, so that one kind is never handed over for another."""

from typing import NewType

PolicyId = NewType("PolicyId", str)  # "namespace/name"
BackendId = NewType("BackendId", str)  # "namespace/name"; in what users write, the name alone
ModelName = NewType("ModelName", str)  # what a client writes in `model`
RouterName = NewType("RouterName", str)  # a router of the scorer's bundle; "" is its default
ProfileName = NewType("ProfileName", str)  # a quality profile of the bundle
TableVersion = NewType("TableVersion", str)  # sha256 of a route table
PicoUsd = NewType("PicoUsd", int)  # 1e-12 USD
