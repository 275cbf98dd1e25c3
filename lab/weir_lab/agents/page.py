"""The page of `weir eval --agents`: one table in one file."""

from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from weir_lab.agents.evaluate import AgentReport


def render_agents(report: AgentReport, columns: Sequence[str]) -> str:
    """The report as HTML that needs nothing else."""
    environment = Environment(
        loader=PackageLoader("weir_lab.agents", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown = [name for name in columns if any(name in row.figures for row in report.rows)]
    return environment.get_template("page.html.j2").render(report=report, columns=shown)
