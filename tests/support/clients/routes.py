"""The ways a client's request can take: over which wire to which server, and their resources."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import yaml


class Server(StrEnum):
    """What answers behind Weir."""

    STAND_IN = "stand-in"
    LLAMA = "llama.cpp"


class Out(StrEnum):
    """What the server is called by: one wire, or all that are OpenAI's."""

    CHAT = "chat"
    MESSAGES = "messages"
    OPENAI = "all of OpenAI"


# What a ModelBackend says of each: its protocol and its wires.
_SPOKEN: Mapping[Out, tuple[str, tuple[str, ...]]] = {
    Out.CHAT: ("openai", ("chat",)),
    Out.MESSAGES: ("anthropic", ("messages",)),
    Out.OPENAI: ("openai", ("chat", "responses", "completions", "embeddings")),
}


@dataclass(frozen=True, slots=True)
class Route:
    """One column of the compatibility table."""

    server: Server
    out: Out

    @property
    def model(self) -> str:
        """What a client writes in `model` to take this way."""
        return f"{self.server}-{self.out.name.lower()}".replace(".", "-")

    @property
    def stand_in(self) -> bool:
        """Whether Weir's own stand-in answers, which does as it is told."""
        return self.server is Server.STAND_IN

    def __str__(self) -> str:
        return f"{self.server}: {self.out}"


ROUTES = tuple(Route(server, out) for server in Server for out in Out)


def write_resources(folder: Path, addresses: Mapping[Server, str]) -> Path:
    """One policy and backend for every route to `addresses`, as YAML in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    documents = [
        document for route in ROUTES for document in _resources(route, addresses[route.server])
    ]
    (folder / "clients.yaml").write_text(yaml.safe_dump_all(documents), encoding="utf-8")
    return folder


def _resources(route: Route, address: str) -> list[dict[str, object]]:
    backend = f"{route.model}-backend"
    policy: dict[str, object] = {
        "match": {"models": [route.model]},
        "candidates": [{"backend": backend}],
        "objective": {"threshold": "0.5"},
        "expose": {"direct": True},
    }
    return [
        _resource("ModelBackend", backend, _backend(route, address)),
        _resource("RoutePolicy", route.model, policy),
    ]


def _backend(route: Route, address: str) -> dict[str, object]:
    protocol, wires = _SPOKEN[route.out]
    return {
        "protocol": protocol,
        "wires": list(wires),
        "endpoint": address + ("/v1" if protocol == "openai" else ""),
        "model": "llama-noise" if route.server is Server.LLAMA else "stand-in",
        "capabilities": ["tools", "vision", "jsonSchema"],
        "price": {"input": "1", "output": "2"},
    }


def _resource(kind: str, name: str, spec: Mapping[str, object]) -> dict[str, object]:
    return {
        "apiVersion": "weir.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": dict(spec),
    }
