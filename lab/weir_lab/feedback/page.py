"""The report as one HTML page that needs nothing else. Names come from users: all is escaped."""

import math
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from weir_lab.evaluation.drawing import Series, colour, plot
from weir_lab.feedback.drawing import bars
from weir_lab.feedback.report import FeedbackReport
from weir_lab.metrics.bootstrap import Interval


def render(report: FeedbackReport) -> str:
    """The page."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    source = files("weir_lab.feedback").joinpath("page.html.j2").read_text("utf-8")
    found = report.estimate
    rows = [
        ("as served", found.served),
        ("IPS", found.ips),
        ("SNIPS", found.snips),
        ("DR", found.dr),
    ]
    curves, legend = _sweep(report)
    return environment.from_string(source).render(
        report=report,
        found=found,
        picture=Markup(bars(rows, "mean rating")),  # noqa: S704 - our own words and numbers only
        curves=Markup(curves),  # noqa: S704 - our own numbers only
        legend=legend,
        interval=_interval,
        usd=_usd,
        num=_number,
    )


def _sweep(report: FeedbackReport) -> tuple[str, list[tuple[str, str]]]:
    points = sorted(report.sweep, key=lambda point: point.strong_share)
    if len(points) < 2:  # noqa: PLR2004 - a line has two ends
        return "", []
    share = [point.strong_share for point in points]
    series = [
        Series("DR", share, [point.value.value for point in points]),
        Series("95 % interval", share, [point.value.low for point in points], dashed=True),
        Series("", share, [point.value.high for point in points], dashed=True),
    ]
    legend = [(line.name, colour(place)) for place, line in enumerate(series) if line.name]
    return plot(series, "share of strong calls", "mean rating"), legend


def _number(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "–"  # noqa: RUF001 - a dash stands for nothing


def _interval(found: Interval) -> str:
    return str(found) if math.isfinite(found.value) else _number(found.value)


def _usd(found: Interval) -> str:
    if not math.isfinite(found.value):
        return _number(found.value)
    return f"${found.value:.6f} (${found.low:.6f} to ${found.high:.6f})"
