"""What every test has: a watch on the event loop. Shared servers and fakes live in support/."""

from collections.abc import Iterator

import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from grpc import aio
from hypothesis import settings

# Examples are timed in bench/, not here: a busy machine is no defect.
settings.register_profile("weir", deadline=None, print_blob=True)
settings.load_profile("weir")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What a run may write into the documentation."""
    parser.addoption(
        "--write-fault-matrix",
        action="store_true",
        help="write what tests/integration/gateway/test_fault_matrix.py saw to docs/reliability.md",
    )


@pytest.fixture(scope="session", autouse=True)
def grpc_stays_up() -> Iterator[None]:
    """Keep gRPC's poller from ending between tests: joining it would block a loop."""
    aio.init_grpc_aio()
    yield
    aio.shutdown_grpc_aio()


@pytest.fixture(autouse=True)
def loop_is_never_blocked(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test whose event loop is blocked by our own code (files, sleeps, locks, sockets)."""
    if request.node.get_closest_marker("may_block") is not None:
        yield
        return
    with blockbuster_ctx(
        scanned_modules=[
            "weir_runtime",
            "weir_agents",
            "weir_wires",
            "weir_gateway",
            "weir_scorer",
            "weir_operator",
        ]
    ) as blockbuster:
        _allow(blockbuster)
        yield


def _allow(blockbuster: BlockBuster) -> None:
    """The few blocking calls that are fine: they happen once, before anything is served."""
    del blockbuster
