"""Write the Python stubs for every .proto under proto/weir into a folder (default: proto/).

The stubs are checked in; a contract test regenerates them and fails on a difference.
"""

import sys
from pathlib import Path

from grpc_tools import protoc

HERE = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent  # the plugins live beside this interpreter, PATH or no PATH


def main(out: Path = HERE) -> int:
    """Generate into `out`/weir_proto; returns protoc's exit status."""
    sources = sorted(path.relative_to(HERE / "weir") for path in HERE.glob("weir/**/*.proto"))
    flags = [f"--{kind}_out={out}" for kind in ("python", "grpc_python")]
    for kind in ("mypy", "mypy_grpc"):
        plugin = BIN / f"protoc-gen-{kind}"
        flags += [f"--plugin=protoc-gen-{kind}={plugin}", f"--{kind}_out=quiet:{out}"]
    # The virtual mapping makes weir/scorer/v1/scorer.proto land in, and import from, weir_proto.
    argv = ["protoc", f"-Iweir_proto={HERE / 'weir'}", *flags]
    return protoc.main([*argv, *(f"weir_proto/{source.as_posix()}" for source in sources)])


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
