"""LiteLLM's proxy beside Weir, where it is installed. Not a dependency of ours."""

import shutil
import socket
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from bench.processes import Running, spawn

_START_SECONDS = 120.0
# Without a key it serves on loopback alone only when told so twice.
_OPEN = {"LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true", "LITELLM_LOG": "ERROR"}
_CONFIG = """
model_list:
  - model_name: litellm
    litellm_params:
      model: openai/mock
      api_base: http://127.0.0.1:@PORT@/v1
      api_key: none
"""


def installed() -> str | None:
    """The command, or None."""
    return shutil.which("litellm")


@contextmanager
def litellm(command: str, upstream: int, on: frozenset[int]) -> Generator[tuple[Running, int]]:
    """The proxy with one worker; gives it and its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(_CONFIG.replace("@PORT@", str(upstream)), encoding="utf-8")
        arguments = ["--config", str(config), "--port", str(port), "--host", "127.0.0.1"]
        running = spawn([command, *arguments, "--num_workers", "1"], on, _OPEN)
        try:
            _wait(running, port)
            yield running, port
        finally:
            running.stop()


def _wait(running: Running, port: int) -> None:
    ends = monotonic() + _START_SECONDS
    while monotonic() < ends and running.process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            sleep(0.1)
        else:
            return
    raise SystemExit(f"LiteLLM did not start (waited at most {_START_SECONDS:g} s)")
