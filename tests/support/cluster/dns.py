"""A small cluster DNS for the test node: NAME.NAMESPACE.svc.cluster.local, as a program of its own.

    python dns.py ADDRESS API_URL CA_FILE TOKEN_FILE

Answers A records from the API's Services and EndpointSlices, which it asks for twice a second, and
NXDOMAIN for everything else. Standard library only: it runs outside any environment.
"""

import ipaddress
import json
import ssl
import struct
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from socketserver import BaseRequestHandler, UDPServer
from typing import Any

SUFFIX = "svc.cluster.local"
POLL_S = 0.5
TTL_S = 2
A_RECORD = 1
NXDOMAIN = 3
Records = dict[str, list[str]]
Get = Callable[[str], list[dict[str, Any]]]


def records(get: Get) -> Records:
    """All names with their addresses: a Service's own, or a headless one's ready endpoints."""
    found: Records = {}
    headless: set[tuple[str, str]] = set()
    for service in get("/api/v1/services"):
        meta, address = service["metadata"], service["spec"].get("clusterIP")
        found[f"{meta['name']}.{meta['namespace']}.{SUFFIX}"] = (
            [] if address == "None" else [address]
        )
        if address == "None":
            headless.add((meta["namespace"], meta["name"]))
    for part in get("/apis/discovery.k8s.io/v1/endpointslices"):
        meta = part["metadata"]
        name = meta.get("labels", {}).get("kubernetes.io/service-name", "")
        if (meta["namespace"], name) in headless:
            found[f"{name}.{meta['namespace']}.{SUFFIX}"] += _ready(part)
    return found


def answer(query: bytes, known: Mapping[str, list[str]]) -> bytes:
    """The reply to one question. Raises ValueError for what is not a DNS question."""
    name, end = _name(query)
    kind, _ = struct.unpack_from(">HH", query, end)
    addresses = known.get(name)
    given = addresses if addresses and kind == A_RECORD else []
    body = b"".join(
        struct.pack(">HHHIH", 0xC00C, A_RECORD, 1, TTL_S, 4) + ipaddress.IPv4Address(each).packed
        for each in given
    )
    code = 0 if addresses is not None else NXDOMAIN
    header = query[:2] + struct.pack(">HHHHH", 0x8580 | code, 1, len(given), 0, 0)
    return header + query[12 : end + 4] + body


def _ready(part: Mapping[str, Any]) -> list[str]:
    endpoints: list[dict[str, Any]] = part.get("endpoints") or []
    ready = [each for each in endpoints if each.get("conditions", {}).get("ready")]
    return [str(address) for each in ready for address in each["addresses"]]


def _name(query: bytes) -> tuple[str, int]:
    labels: list[str] = []
    at = 12
    while at < len(query) and query[at]:
        size = query[at]
        labels.append(query[at + 1 : at + 1 + size].decode("ascii"))
        at += size + 1
    if at + 5 > len(query):
        raise ValueError("a question that ends too early")
    return ".".join(labels).lower(), at + 1


def _getter(url: str, ca: Path, token: Path) -> Get:
    context = ssl.create_default_context(cafile=str(ca))
    headers = {"Authorization": f"Bearer {token.read_text()}"}

    def get(path: str) -> list[dict[str, Any]]:
        request = urllib.request.Request(url + path, headers=headers)  # noqa: S310 - our own https URL
        with urllib.request.urlopen(request, timeout=5, context=context) as reply:  # noqa: S310 - our own https URL
            found: list[dict[str, Any]] = json.load(reply)["items"]
            return found

    return get


def _poll(known: Records, get: Get) -> None:
    while True:
        try:
            fresh = records(get)
        except (OSError, ValueError) as error:
            print("keeping what is known:", error, flush=True)  # noqa: T201 - this program's log
        else:
            known.update(fresh)
            for gone in known.keys() - fresh.keys():
                del known[gone]
        time.sleep(POLL_S)


def main() -> None:
    """Serve until killed."""
    address, url, ca, token = sys.argv[1:5]
    known: Records = {}

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            query, socket = self.request
            socket.sendto(answer(query, known), self.client_address)

    get = _getter(url, Path(ca), Path(token))
    threading.Thread(target=_poll, args=(known, get), name="poll", daemon=True).start()
    UDPServer((address, 53), Handler).serve_forever()


if __name__ == "__main__":
    main()
