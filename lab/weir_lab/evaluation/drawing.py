"""Curves as inline SVG, without scripts, fonts or external images."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 12, 40
# Okabe and Ito's palette, which colour-blind readers can distinguish.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#444444", "#999999")


@dataclass(frozen=True, slots=True)
class Series:
    """A named line; `x` and `y` of one length."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    dashed: bool = False


def plot(series: Sequence[Series], x_label: str, y_label: str) -> str:
    """Lines over [0, 1] on the x axis, as an SVG element with a legend below."""
    low = min(min(line.y) for line in series)
    high = max(max(line.y) for line in series)
    ticks = nice_ticks(low, high if high > low else low + 1)
    low, high = ticks[0], ticks[-1]
    parts = [_axes(ticks, x_label, y_label)]
    for k, line in enumerate(series):
        points = " ".join(
            f"{_x(x):.1f},{_y(y, low, high):.1f}" for x, y in zip(line.x, line.y, strict=True)
        )
        dash = ' stroke-dasharray="5 4"' if line.dashed else ""
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour(k)}" stroke-width="2"{dash}/>'
        )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{y_label} by {x_label}">'
        f"{''.join(parts)}</svg>"
    )


def nice_ticks(low: float, high: float) -> list[float]:
    """Four to eleven round values, a step of 1, 2 or 5 apart, around [low, high]."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, last + 1)]


def colour(index: int) -> str:
    """The colour of the line with that index; colours repeat."""
    return COLOURS[index % len(COLOURS)]


def _x(share: float) -> float:
    return _LEFT + share * (WIDTH - _LEFT - _RIGHT)


def _y(value: float, low: float, high: float) -> float:
    return HEIGHT - _BOTTOM - (value - low) / (high - low) * (HEIGHT - _TOP - _BOTTOM)


def _axes(ticks: Sequence[float], x_label: str, y_label: str) -> str:
    parts: list[str] = []
    foot = HEIGHT - _BOTTOM + 16
    for value in ticks:
        y = _y(value, ticks[0], ticks[-1])
        parts += [
            f'<line x1="{_x(0)}" x2="{_x(1)}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>',
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.4g}</text>',
        ]
    for step in range(6):
        share = step / 5
        parts.append(
            f'<text x="{_x(share):.1f}" y="{foot}" text-anchor="middle">{share:.0%}</text>'
        )
    middle = (_x(0) + _x(1)) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{x_label}</text>')
    parts.append(
        f'<text transform="translate(12 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">'
        f"{y_label}</text>"
    )
    return "".join(parts)
