"""What is told of the route table in force."""

from weir_gateway.adapters.route_table.tables import Tables
from weir_gateway.domain.table import RouteTable
from weir_policy.ids import TableVersion
from weir_policy.table import Table
from weir_runtime.admin import Health
from weir_runtime.metrics import Registry


async def _holds(_: RouteTable) -> None:
    """No probe fails."""


async def test_only_the_version_in_force_and_the_one_before_are_told() -> None:
    registry = Registry()
    tables = Tables(lambda table: table, _holds, registry, Health())
    told = registry.gauges["weir.routetable.version"].cells
    for version in ("a", "b", "c", "d"):
        await tables.apply(Table(TableVersion(version)), "test")
    assert {labels: cell.value for labels, cell in told.items()} == {("c",): 0, ("d",): 1}
    await tables.apply(Table(TableVersion("c")), "test")
    assert {labels: cell.value for labels, cell in told.items()} == {("d",): 0, ("c",): 1}
