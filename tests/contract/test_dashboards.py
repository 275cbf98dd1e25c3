"""Alerts and the dashboard ask for metrics that the programs have."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "weir"
QUERY = re.compile(r"\b((?:weir|gen_ai)_[a-z_]+)[{\[]|label_values\(((?:weir|gen_ai)_[a-z_]+)")
DECLARATION = re.compile(r'"((?:weir|gen_ai)\.[a-z_.]+)"')
SUFFIXES = ("_bucket", "_sum", "_count", "_total", "_seconds")


def queried() -> set[str]:
    """The names in alerts and dashboard, as OpenTelemetry would have them, dots as underscores."""
    text = (CHART / "alerts.yaml").read_text() + (CHART / "dashboards" / "weir.json").read_text()
    names = {first or second for first, second in QUERY.findall(text)}
    return {_without_suffixes(name) for name in names}


def documented() -> set[str]:
    """The names the programs' sources declare."""
    folders = ("runtime", "gateway", "scorer", "operator")
    sources = [path.read_text() for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return {name.replace(".", "_") for text in sources for name in DECLARATION.findall(text)}


def test_every_queried_metric_exists() -> None:
    assert len(queried()) > 8
    assert queried() <= documented()


def _without_suffixes(name: str) -> str:
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name
