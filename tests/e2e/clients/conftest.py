"""Other people's clients through a whole `weir up` to real servers."""

from collections.abc import Iterator

import pytest

from support.clients.routes import ROUTES, Route, Server, write_resources
from support.llamacpp.server import llama_server
from support.programs import Program, up


@pytest.fixture(scope="session")
def gateway(upstream: Program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a `weir up` before the stand-in and llama.cpp."""
    folder = tmp_path_factory.mktemp("clients")
    with llama_server(folder) as llama:
        addresses = {Server.STAND_IN: upstream.url, Server.LLAMA: llama}
        resources = write_resources(folder / "resources", addresses)
        with up([resources], log=folder / "log") as running:
            yield running.url


@pytest.fixture(params=ROUTES, ids=str)
def route(request: pytest.FixtureRequest) -> Route:
    """Each way from Weir to a server."""
    made = request.param
    assert isinstance(made, Route)
    return made
