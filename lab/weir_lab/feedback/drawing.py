"""Intervals side by side as inline SVG. Must not know what the numbers mean."""

from collections.abc import Sequence

from weir_lab.evaluation.drawing import COLOURS
from weir_lab.metrics.bootstrap import Interval

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
