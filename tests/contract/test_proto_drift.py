"""The checked-in protobuf stubs are what the .proto files say."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_stubs_are_generated_from_the_protos(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(ROOT / "proto/generate.py"), str(tmp_path)], check=True)
    fresh = {path.relative_to(tmp_path): path for path in tmp_path.rglob("*_pb2*")}
    assert len(fresh) == 16
    stale = [
        str(name)
        for name, path in fresh.items()
        if (ROOT / "proto" / name).read_bytes() != path.read_bytes()
    ]
    assert not stale, "run `make proto` and commit"
