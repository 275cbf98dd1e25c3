"""A feedback report as one self-contained HTML page, with intervals and the sweep drawn as SVG.

Names come from users' files, so everything is escaped.
"""

import math
from collections.abc import Sequence
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from weir_lab.evaluation.drawing import COLOURS, Series, colour, plot
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


WIDTH, ROW = 640, 34
_LEFT, _RIGHT, _FOOT = 90, 24, 40
_TICKS = 5
_MARGIN = 0.1  # of the range, on both sides


def bars(rows: Sequence[tuple[str, Interval]], label: str) -> str:
    """A line per interval with a dot at its value, over a common axis, as an SVG element."""
    low = min(found.low for _, found in rows)
    high = max(found.high for _, found in rows)
    spare = (high - low) * _MARGIN or 0.01
    low, high = low - spare, high + spare
    height = len(rows) * ROW + _FOOT
    parts = _axis(low, high, height, label)
    for place, (name, found) in enumerate(rows):
        y = place * ROW + ROW / 2
        ink = COLOURS[place % len(COLOURS)]
        left, middle, right = (_x(v, low, high) for v in (found.low, found.value, found.high))
        parts += [
            f'<text x="{_LEFT - 10}" y="{y + 4:.1f}" text-anchor="end">{name}</text>',
            f'<path d="M{left:.1f} {y}H{right:.1f}" stroke="{ink}" stroke-width="4"/>',
            f'<circle cx="{middle:.1f}" cy="{y}" r="6" fill="{ink}"/>',
        ]
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}, with intervals">'
        f"{''.join(parts)}</svg>"
    )


def _x(value: float, low: float, high: float) -> float:
    return _LEFT + (value - low) / (high - low) * (WIDTH - _LEFT - _RIGHT)


def _axis(low: float, high: float, height: int, label: str) -> list[str]:
    foot = height - _FOOT
    parts = [f'<text x="{WIDTH / 2}" y="{height - 4}" text-anchor="middle">{label}</text>']
    for tick in range(_TICKS + 1):
        value = low + (high - low) * tick / _TICKS
        x = _x(value, low, high)
        parts += [
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{foot}" stroke="#ddd"/>',
            f'<text x="{x:.1f}" y="{foot + 16}" text-anchor="middle">{value:.3f}</text>',
        ]
    return parts
