"""Draws a chart of prices as SVG, for the scripts draw_*.py; on white, so that it can be read on a dark page too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SVG = "http://www.w3.org/2000/svg"  # a name, not an address  # ignore-https-check
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 380, 56, 20, 56, 44
RED, BLUE, INK, GRID = "#c2410c", "#1d4ed8", "#333333", "#dddddd"


class Chart:
    """Days from left to right, evenly spaced; values from bottom to top. What is drawn later covers what is there.

    title: for screen readers; heading: what is written above it; labels: of some days; values: of the grid.
    """

    def __init__(
        self, title: str, heading: str, labels: Mapping[str, str], days: Sequence[str], values: Sequence[int]
    ) -> None:
        self._place = {day: n / (len(days) - 1) for n, day in enumerate(days)}
        self._lowest, self._highest = values[0], values[-1]
        self._parts = [
            f'<svg xmlns="{SVG}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="sans-serif" font-size="13">',
            f"<title>{title}</title>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        ]
        self._write(LEFT, 24, heading)
        for value in values:
            self._rule(LEFT, self._y(value), WIDTH - RIGHT, self._y(value), GRID)
            self._write(LEFT - 8, self._y(value) + 4, str(value), "end")
        for day, label in labels.items():
            self._write(self._x(day), HEIGHT - BOTTOM + 22, label, "middle")

    def mark(self, day: str, words: str) -> None:
        """Mark a day with a vertical line and what happened."""
        x, top = self._x(day), self._y(self._highest)
        self._rule(x, top, x, self._y(self._lowest), INK)
        self._write(x + 6, top + 14, words)

    def line(self, values: Mapping[str, float], color: str, dashes: str = "") -> None:
        """Join the values of these days."""
        points = " ".join(f"{self._x(day):.1f},{self._y(value):.1f}" for day, value in sorted(values.items()))
        look = f'fill="none" stroke="{color}" stroke-width="2.5" stroke-dasharray="{dashes}"'
        self._parts.append(f'<polyline points="{points}" {look}/>')

    def text(self, day: str, value: float, words: str, color: str) -> None:
        """Write a little to the right of this point."""
        self._write(self._x(day) + 8, self._y(value), words, color=color)

    def svg(self) -> str:
        """The whole file."""
        return "\n".join([*self._parts, "</svg>"]) + "\n"

    def _x(self, day: str) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * self._place[day]

    def _y(self, value: float) -> float:
        height = (value - self._lowest) / (self._highest - self._lowest)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * height

    def _write(self, x: float, y: float, words: str, anchor: str = "start", color: str = INK) -> None:
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{words}</text>')

    def _rule(self, x1: float, y1: float, x2: float, y2: float, color: str) -> None:
        ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
        self._parts.append(f'<line {ends} stroke="{color}"/>')
