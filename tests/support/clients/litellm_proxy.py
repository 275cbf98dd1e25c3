"""LiteLLM's proxy with Weir's callback, in an environment of its own, in front of a stand-in."""

import os
import signal
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from support.bundles import ROOT

# `weir` and what it imports, as an installed library has them.
COMPONENTS = ("library", "gateway", "operator", "policy", "wires", "scorer", "runtime", "agents")
START_WITHIN = 120.0
STOP_WITHIN = 30.0
HANDLER = "from weir.litellm import callback\n\nhandler = callback('policies.yaml')\n"
CONFIG = """\
model_list:
  - model_name: small
    litellm_params: {model: openai/small-1, api_base: "@URL@/v1", api_key: none}
  - model_name: large
    litellm_params: {model: openai/large-1, api_base: "@URL@/v1", api_key: none}
  - model_name: broken
    litellm_params: {model: openai/broken-1, api_base: "@URL@/v1", api_key: none}
  - model_name: auto
    litellm_params: {model: openai/unrouted, api_base: "@URL@/v1", api_key: none}
litellm_settings:
  callbacks: weir_router.handler
  num_retries: 0
"""


@dataclass(frozen=True)
class Proxy:
    """A running proxy."""

    url: str
    log: Path

    @property
    def logged(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


def environment_variables(bundle: Path) -> dict[str, str]:
    """What a program of that environment is started with."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(ROOT / name) for name in COMPONENTS),
        "WEIR_BUNDLE": str(bundle),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it fetches prices from the network
        # Without a key it serves on loopback alone only when that is confirmed twice.
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
    }


@contextmanager
def running_proxy(
    python: Path, provider: str, policies: str, bundle: Path, folder: Path
) -> Generator[Proxy]:
    """The proxy with `policies` from its first answer to its end, its files in `folder`."""
    (folder / "config.yaml").write_text(CONFIG.replace("@URL@", provider), encoding="utf-8")
    (folder / "weir_router.py").write_text(HANDLER, encoding="utf-8")
    (folder / "policies.yaml").write_text(policies, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    command = [str(python.with_name("litellm")), "--config", "config.yaml", "--num_workers", "1"]
    log = folder / "litellm.log"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment_variables(bundle),
        )
    proxy = Proxy(f"http://127.0.0.1:{port}", log)
    try:
        _wait(process, port, proxy)
        yield proxy
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_WITHIN)
        finally:
            process.kill()


def _wait(process: subprocess.Popen[bytes], port: int, proxy: Proxy) -> None:
    ends = monotonic() + START_WITHIN
    while monotonic() < ends and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            sleep(0.1)  # it says nothing that could be waited for
        else:
            return
    raise AssertionError(f"LiteLLM did not start:\n{proxy.logged}")
