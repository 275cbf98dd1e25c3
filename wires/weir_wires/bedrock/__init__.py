"""Amazon Bedrock's wires."""

from typing import Final

from weir_wires.bedrock.converse import CONVERSE
from weir_wires.bedrock.invoke import INVOKE
from weir_wires.spec import WireSpec

__all__ = ["WIRES"]

WIRES: Final[tuple[WireSpec, ...]] = (CONVERSE, INVOKE)
