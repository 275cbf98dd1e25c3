"""What importing and using the library loads: nothing of a server, and nothing works at import."""

import subprocess
import sys
from pathlib import Path

from support.bundles import ROOT, tiny_bundle

# What `pip install weir-gateway[library]` leaves out, and a program may not need.
ABSENT = (
    *("aiohttp", "grpc", "google", "opentelemetry", "prometheus_client", "uvloop", "kopf", "redis"),
    *("click", "jsonschema_rs", "brotli", "onnx", "safetensors", "litellm", "scipy", "pyarrow"),
)
PROGRAM = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {ABSENT!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
import threading, weir, weir.litellm
assert threading.active_count() == 1
policies, bundle = sys.argv[1:]
print(weir.decide("Why?", policies, bundle=bundle).reason)
"""


def test_it_decides_without_what_only_servers_need(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path)
    quickstart = ROOT / "examples" / "quickstart"
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(quickstart), str(bundle)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "scored\n", "")
