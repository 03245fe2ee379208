"""The chart of `limner bench search`: what each tool's choice is worth, against the pictures that it has drawn. SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 56, 150, 16, 44
COLOURS = ("#c2410c", "#1d4ed8", "#15803d", "#7e22ce", "#0e7490", "#6b7280")


def chart(curves: Mapping[str, Sequence[float]], step: int, target: float) -> str:
    """Draw the mean curves, the first one boldly.

    Args:
        curves: by tool, the mean worth (0 to 1) of the choice after 0, `step`, 2 `step`, ... pictures.
        step: pictures between two points.
        target: worth that counts as found, a dashed line.
    """
    most = step * (max(len(curve) for curve in curves.values()) - 1)
    body = [*_axes(most), _line([0, most], [target, target], most, 'stroke="#888" stroke-dasharray="5 4"')]
    for number, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        width = 3 if number == 0 else 1.6
        at = [step * place for place in range(len(curve))]
        body.append(_line(at, curve, most, f'stroke="{colour}" stroke-width="{width}"'))
        y = TOP + 14 + 20 * number
        x = WIDTH - RIGHT + 14
        body.append(f'<line x1="{x}" x2="{x + 20}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="{width}"/>')
        body.append(f'<text x="{x + 26}" y="{y + 4}">{escape(name)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12"><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>{"".join(body)}</svg>\n'
    )


def _x(pictures: float, most: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * pictures / most


def _y(worth: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * worth


def _line(pictures: Sequence[float], worth: Sequence[float], most: int, how: str) -> str:
    points = " ".join(f"{_x(at, most):.1f},{_y(value):.1f}" for at, value in zip(pictures, worth, strict=True))
    return f'<polyline fill="none" points="{points}" {how}/>'


def _axes(most: int) -> list[str]:
    parts = []
    for tenth in range(0, 11, 2):
        y = _y(tenth / 10)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e5e5e5"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tenth / 10:.1f}</text>')
    for quarter in range(5):
        at = most * quarter // 4
        parts.append(f'<text x="{_x(at, most):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{at}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">pictures drawn</text>')
    parts.append(
        f'<text transform="translate(14 {HEIGHT / 2 - 20}) rotate(-90)" text-anchor="middle">'
        "good pictures on held-out requests</text>"
    )
    return parts
