# What Weir uses of ONNX Runtime's quantiser, which ships no types.
from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from onnx import ModelProto

class QuantType(Enum):
    QInt8 = 0

def quantize_dynamic(
    model_input: ModelProto | Path,
    model_output: Path,
    *,
    op_types_to_quantize: Sequence[str] | None = ...,
    per_channel: bool = ...,
    weight_type: QuantType = ...,
) -> None: ...
