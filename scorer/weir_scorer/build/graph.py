"""A BERT encoder, cut after some of its layers, as a plain ONNX graph in fp32, fp16 or int8.

The graph is written node by node from the weights, without torch and without an export:
embeddings, attention, GELU, layer norm, then per tapped layer the masked mean over tokens, scaled
to length one. Layer 0 is the embeddings alone. Words' rows may stay in 4 bits: they are most of a
multilingual encoder, and only a prompt's own are unpacked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from weir_scorer.build.packed import BLOCK_SIZE, ZERO, FourBitRows

Weights = Mapping[str, NDArray[np.float32]]

_OPSET = 20  # the first with Gelu
_IR_VERSION = 9  # read by every ONNX Runtime since 1.16
_MASKED = -1e4  # small enough to vanish in a softmax, large enough for fp16


class Precision(Enum):
    """The number formats of a graph's weights and arithmetic."""

    FP32 = TensorProto.FLOAT
    FP16 = TensorProto.FLOAT16


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes that can't be read from the weights."""

    heads: int
    epsilon: float  # of the layer norms


def encoder_graph(
    weights: Weights,
    shape: Shape,
    taps: Sequence[int],
    precision: Precision = Precision.FP32,
    words: FourBitRows | None = None,
) -> ModelProto:
    """The graph up to layer max(taps), with one output `layer<n>` [batch, dim] per tap.

    Inputs: `input_ids` and `attention_mask`, int64 [batch, tokens]. Outputs are float32 and of
    length one. Layers count from 1; 0 is the embeddings. `words` stand in for the words' weights.
    Raises KeyError for weights that are not BERT's.
    """
    return _Writer(weights, shape, precision, words).model(sorted(set(taps)))


class _Writer:
    """Collects nodes and constants; each method returns the name of what it computes."""

    def __init__(
        self, weights: Weights, shape: Shape, precision: Precision, words: FourBitRows | None
    ) -> None:
        self._weights = weights
        self._words = words
        self._shape = shape
        self._precision = precision
        self._dtype = helper.tensor_dtype_to_np_dtype(precision.value)
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, TensorProto] = {}
        self._dim = len(weights["embeddings.LayerNorm.weight"])

    def model(self, taps: Sequence[int]) -> ModelProto:
        bias = self._mask_bias()
        weight = self._mask_weight()
        hidden = self._embed()
        if 0 in taps:
            self._pool(hidden, weight, "layer0")
        for layer in range(1, taps[-1] + 1):
            hidden = self._layer(hidden, bias, f"encoder.layer.{layer - 1}")
            if layer in taps:
                self._pool(hidden, weight, f"layer{layer}")
        graph = helper.make_graph(
            self._nodes,
            "encoder",
            [
                helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
                for name in ("input_ids", "attention_mask")
            ],
            [
                helper.make_tensor_value_info(
                    f"layer{tap}", TensorProto.FLOAT, ["batch", self._dim]
                )
                for tap in taps
            ],
            list(self._constants.values()),
        )
        opset = [helper.make_opsetid("", _OPSET)]
        return helper.make_model(
            graph, opset_imports=opset, ir_version=_IR_VERSION, producer_name="weir"
        )

    def _embed(self) -> str:
        words = self._word_rows()
        # Every token is of type 0, so its row is added to the positions once and for all.
        places = (
            self._weights["embeddings.position_embeddings.weight"]
            + self._weights["embeddings.token_type_embeddings.weight"][0]
        )
        tokens = self._op("Shape", "input_ids", start=1)
        zero, axis = self._integers("zero", [0]), self._integers("axis0", [0])
        rows = self._op("Slice", self._constant("positions", places), zero, tokens, axis)
        return self._norm(self._op("Add", words, rows), "embeddings.LayerNorm")

    def _word_rows(self) -> str:
        if self._words is None:
            table = self._weight("embeddings.word_embeddings.weight")
            return self._op("Gather", table, "input_ids")
        blocks = self._words.scales.shape[1]
        halves = self._op("Gather", self._exact("word_halves", self._words.halves), "input_ids")
        in_blocks = self._integers("split_blocks", [0, 0, blocks, BLOCK_SIZE // 2])
        split = self._op("Reshape", halves, in_blocks)
        low = self._op("BitwiseAnd", split, self._exact("low_half", np.array([15], np.uint8)))
        four = self._exact("four", np.array([4], np.uint8))
        high = self._op("BitShift", split, four, direction="RIGHT")
        both = self._op("Concat", low, high, axis=-1)
        numbers = self._op("Cast", both, to=TensorProto.FLOAT)
        zero = self._exact("half_zero", np.array([ZERO], np.float32))
        scales = self._op("Gather", self._exact("word_scales", self._words.scales), "input_ids")
        wide = self._op("Cast", scales, to=TensorProto.FLOAT)
        factors = self._op("Unsqueeze", wide, self._integers("last", [-1]))
        rows = self._op("Mul", self._op("Sub", numbers, zero), factors)
        joined = self._op("Reshape", rows, self._integers("join_blocks", [0, 0, self._dim]))
        return self._op("Cast", joined, to=self._precision.value)

    def _layer(self, hidden: str, bias: str, at: str) -> str:
        attended = self._attend(hidden, bias, f"{at}.attention.self")
        mixed = self._dense(attended, f"{at}.attention.output.dense")
        hidden = self._norm(self._op("Add", hidden, mixed), f"{at}.attention.output.LayerNorm")
        wide = self._op("Gelu", self._dense(hidden, f"{at}.intermediate.dense"))
        narrow = self._dense(wide, f"{at}.output.dense")
        return self._norm(self._op("Add", hidden, narrow), f"{at}.output.LayerNorm")

    def _attend(self, hidden: str, bias: str, at: str) -> str:
        heads = self._shape.heads
        size = self._dim // heads
        split = self._integers("split_heads", [0, 0, heads, size])
        parts: dict[str, str] = {}
        for part, order in (
            ("query", [0, 2, 1, 3]),
            ("key", [0, 2, 3, 1]),
            ("value", [0, 2, 1, 3]),
        ):
            # The usual division by sqrt(size) is folded into the query's weights.
            scale = size**-0.5 if part == "query" else 1.0
            flat = self._dense(hidden, f"{at}.{part}", scale)
            parts[part] = self._op("Transpose", self._op("Reshape", flat, split), perm=order)
        logits = self._op("Add", self._op("MatMul", parts["query"], parts["key"]), bias)
        weighted = self._op("MatMul", self._op("Softmax", logits, axis=-1), parts["value"])
        joined = self._op("Transpose", weighted, perm=[0, 2, 1, 3])
        return self._op("Reshape", joined, self._integers("join_heads", [0, 0, self._dim]))

    def _mask_bias(self) -> str:
        """0 where a token is, far below where padding is: [batch, 1, 1, tokens]."""
        mask = self._op("Cast", "attention_mask", to=self._precision.value)
        absent = self._op("Sub", self._constant("one", np.ones(1, np.float32)), mask)
        bias = self._op("Mul", absent, self._constant("masked", np.array([_MASKED], np.float32)))
        return self._op("Unsqueeze", bias, self._integers("heads_and_rows", [1, 2]))

    def _mask_weight(self) -> str:
        mask = self._op("Cast", "attention_mask", to=TensorProto.FLOAT)
        return self._op("Unsqueeze", mask, self._integers("columns", [2]))

    def _pool(self, hidden: str, weight: str, output: str) -> None:
        """The mean over real tokens, scaled to length one: the count cancels, so a sum will do."""
        wide = self._op("Cast", hidden, to=TensorProto.FLOAT)
        axis = self._integers("token_axis", [1])
        total = self._op("ReduceSum", self._op("Mul", wide, weight), axis, keepdims=0)
        self._nodes.append(
            helper.make_node("LpNormalization", [total], [output], name=output, axis=-1, p=2)
        )

    def _dense(self, hidden: str, at: str, scale: float = 1.0) -> str:
        kernel = self._constant(f"{at}.kernel", self._weights[f"{at}.weight"].T * scale)
        bias = self._constant(f"{at}.bias", self._weights[f"{at}.bias"] * scale)
        return self._op("Add", self._op("MatMul", hidden, kernel), bias)

    def _norm(self, hidden: str, at: str) -> str:
        scale, shift = self._weight(f"{at}.weight"), self._weight(f"{at}.bias")
        epsilon = self._shape.epsilon
        return self._op("LayerNormalization", hidden, scale, shift, axis=-1, epsilon=epsilon)

    def _op(self, kind: str, *inputs: str, **attributes: float | str | Sequence[int]) -> str:
        name = f"{kind}_{len(self._nodes)}"
        node = helper.make_node(kind, list(inputs), [name], name=name)
        node.attribute.extend(
            helper.make_attribute(key, value) for key, value in sorted(attributes.items())
        )
        self._nodes.append(node)
        return name

    def _weight(self, name: str) -> str:
        return self._constant(name, self._weights[name])

    def _constant(self, name: str, value: NDArray[np.float32]) -> str:
        array = np.ascontiguousarray(value.astype(self._dtype))
        self._constants[name] = numpy_helper.from_array(array, name)
        return name

    def _exact(self, name: str, value: NDArray[np.generic]) -> str:
        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def _integers(self, name: str, values: Sequence[int]) -> str:
        self._constants[name] = numpy_helper.from_array(np.array(values, np.int64), name)
        return name


# Tells the quantiser to skip its own clean-up: this graph has nothing to fold.
_PREPARED = {"onnx.quant.pre_process": "onnxruntime.quant"}


def to_int8(model: ModelProto, path: Path) -> None:
    """Write `model`, quantised, to `path`; the same model gives the same bytes.

    Words' rows stay as they are: rounding a whole table to one scale would coarsen rare words.
    """
    prepared = ModelProto()
    prepared.CopyFrom(model)
    helper.set_model_props(prepared, _PREPARED)
    quantize_dynamic(
        prepared,
        path,
        per_channel=True,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["MatMul"],
    )
