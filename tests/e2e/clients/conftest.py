"""Other people's clients through a whole `weir up` to real servers, and what became of it."""

from collections.abc import AsyncIterator, Generator, Iterator

import anthropic
import openai
import pytest

from support.clients import table
from support.clients.routes import ROUTES, Route, Server, write_resources
from support.llamacpp.server import llama_server
from support.programs import Program, up

FOUND = pytest.StashKey[dict[tuple[table.Row, str], str]]()
OPTION = "--write-compatibility"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, action="store_true", help="write docs/clients.md's table anew")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FOUND] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    mark = item.get_closest_marker(table.MARK)
    if mark is not None and (report.when == "call" or report.failed):
        route = _route_of(item)
        told = dict(item.user_properties).get("cell", table.YES)
        cell = str(told) if report.passed else table.NO
        found = item.config.stash[FOUND]
        for column in [str(route)] if route is not None else [str(each) for each in ROUTES]:
            found[table.Row(*mark.args), column] = cell
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.getoption(OPTION, default=False):
        table.write(session.config.stash[FOUND])


def _route_of(item: pytest.Item) -> Route | None:
    route = getattr(item, "callspec", None)
    found = route.params.get("route") if route is not None else None
    return found if isinstance(found, Route) else None


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


@pytest.fixture
def client(gateway: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway}/v1", api_key="none", max_retries=0) as made:
        yield made


@pytest.fixture
async def aclient(gateway: str) -> AsyncIterator[openai.AsyncOpenAI]:
    url = f"{gateway}/v1"
    async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as made:
        yield made


@pytest.fixture
def claude(gateway: str) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=gateway, api_key="none", max_retries=0) as made:
        yield made


@pytest.fixture
async def aclaude(gateway: str) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=gateway, api_key="none", max_retries=0) as made:
        yield made
