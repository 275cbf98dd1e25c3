"""A report as one self-contained HTML page.

Names and notes come from users' files, so everything is escaped.
"""

import math
from functools import partial
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from weir_lab.evaluation.drawing import Series, colour, plot
from weir_lab.evaluation.figures import RECOVERED, RETENTIONS
from weir_lab.evaluation.report import Report
from weir_lab.metrics import Interval


def render(report: Report) -> str:
    """Render the page."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    source = files("weir_lab.evaluation").joinpath("page.html.j2").read_text("utf-8")
    series = [
        Series(row.name, row.line.share, row.line.quality, dashed=row.baseline)
        for row in report.rows
    ]
    return environment.from_string(source).render(
        report=report,
        curves=Markup(plot(series, "share of strong calls", "mean quality")),  # noqa: S704 - our own numbers only
        legend=[(line.name, colour(place)) for place, line in enumerate(series)],
        recovered=RECOVERED,
        retentions=RETENTIONS,
        num=_number,
        pct=_percent,
        interval=_interval,
        stacked=_stacked,
        nan=math.nan,
        chance=partial(_by_chance, report),
    )


def _number(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "–"  # noqa: RUF001 - a dash stands for nothing


def _percent(value: float) -> str:
    return f"{value:.1%}" if math.isfinite(value) else "–"  # noqa: RUF001 - a dash stands for nothing


def _interval(found: Interval) -> str:
    if not math.isfinite(found.value):
        return _number(found.value)
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def _stacked(figure: Interval) -> Markup:
    """A figure with its interval on the line below, for narrow columns."""
    if not math.isfinite(figure.value):
        return Markup(_number(figure.value))  # noqa: S704 - our own numbers only
    interval = f"{figure.low:.3f} to {figure.high:.3f}"
    return Markup(f"{figure.value:.3f}<small>{interval}</small>")  # noqa: S704 - our own numbers only


def _by_chance(report: Report, retention: float) -> float:
    """The share of strong calls that a random choice needs for a retention.

    Exact, unlike one random run: quality rises linearly with the share.
    """
    gap = report.strong - report.weak
    return max(0.0, (retention * report.strong - report.weak) / gap) if gap else math.nan
