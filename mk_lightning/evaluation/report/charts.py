"""Charts as SVG elements in the colours of the page they stand in, whose CSS variables they name.

They are a few lines and rectangles, drawn here: a plotting library takes longer for a page of them than all else does
that a short fit computes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import count, takewhile
from math import ceil, floor, log10

import numpy as np
from numpy.typing import NDArray

from mk_lightning.evaluation.evaluation import CELL, Evaluation

Series = Mapping[str, Sequence[tuple[float, float]]]
"""Points (env_steps, value) by name."""
Range = tuple[float, float]
"""Values at both ends of an axis."""

LINES = ("c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7")
"""Colours of lines, taken in turn."""
WIDTH = 346.0
"""Of every chart, px: what a phone has, so that type has its size there, and half of a wide page."""
RIGHT = 18.0
"""Margin for half of the last number of an axis, px."""
CHARACTER = 6.5
"""Width of a character, px."""
LEGEND_CHARACTERS = 52
"""That fit a row of a legend."""
LEGEND_ROW = 16.0
"""Its height, px."""
MAX_ACTIONS = 14
"""Rows of the action table shown, those played most."""
MAX_TICKS = 6
"""Numbers on an axis."""


def win_rates(before: Evaluation, after: Evaluation) -> str:
    """Win rate of every state before and after, with its Wilson 95 % interval."""
    rates, whiskers = {}, {}
    for name, evaluation in (("before", before), ("after", after)):
        scores = [evaluation.score([state]) for state in before.states]
        rates[name] = np.array([score.win_rate for score in scores])
        whiskers[name] = np.array([score.interval for score in scores])
    return _bars(before.states, rates, whiskers, limit=1.0)


def curves(series: Series, label: str) -> str:
    """Lines of shares of 1 over env_steps, in per cent from 0 to 100.

    Args:
        series: what to draw.
        label: of the value.
    """
    columns = max(1, LEGEND_CHARACTERS // (max(map(len, series)) + 5))  # a line's sample is as wide as 5 characters
    legend = LEGEND_ROW * ceil(len(series) / columns)
    steps = [env_steps for points in series.values() for env_steps, _ in points]
    margin = 0.05 * (max(steps) - min(steps)) or 1.0  # of a single point
    chart = _Chart(
        194 + legend, (min(steps) - margin, max(steps) + margin), (-0.03, 1.03), left=61, bottom=43 + legend, top=7
    )
    chart.x_axis({value: _short(value) for value in _ticks(min(steps), max(steps))}, "env_steps")
    chart.y_axis({value: f"{value:.0%}" for value in _ticks(0, 1)}, label, grid=True)
    colours = [LINES[number % len(LINES)] for number in range(len(series))]
    for colour, points in zip(colours, series.values(), strict=True):
        chart.line(points, colour, 1.5)
        if len(points) < 30:
            chart.dots(points, colour)
    chart.legend(dict(zip(series, colours, strict=True)), columns, chart.height - legend)
    return chart.svg()


def actions(before: Evaluation, after: Evaluation) -> str:
    """Share of the decisions of each action that is played most, before and after."""
    shares = {}
    for name, evaluation in (("before", before), ("after", after)):
        counts = np.sum(list(evaluation.action_counts.values()), axis=0)
        shares[name] = counts / counts.sum()
    shown = np.argsort(-np.maximum(shares["before"], shares["after"]), kind="stable")[:MAX_ACTIONS]
    return _bars([before.actions[k] for k in shown], {name: values[shown] for name, values in shares.items()})


def positions(evaluation: Evaluation, colour: str) -> str:
    """Where the fighters stood: own x to the right, the enemy's upwards, darker where they stayed longer.

    Args:
        evaluation: all of its states together.
        colour: CSS variable of the page.
    """
    cells = [cell for of_state in evaluation.positions.values() for cell in of_state]
    total: dict[tuple[int, int], int] = {}
    for x, other, times in cells:
        total[x, other] = total.get((x, other), 0) + times
    most = max(total.values())
    edges = np.array(list(total)) * CELL
    (x_low, y_low), (x_high, y_high) = edges.min(0).tolist(), (edges.max(0) + CELL).tolist()
    room = (WIDTH - RIGHT - 61, 288.0 - 36 - 7)
    scale = min(room[0] / (x_high - x_low), room[1] / (y_high - y_low))  # the same both ways
    aside = (room[0] - scale * (x_high - x_low)) / 2
    height = 36 + 7 + scale * (y_high - y_low)
    chart = _Chart(height, (x_low, x_high), (y_low, y_high), left=61 + aside, right=RIGHT + aside, bottom=36, top=7)
    chart.x_axis({value: f"{value:g}" for value in _ticks(x_low, x_high)}, "own x, pixels", grid=False)
    chart.y_axis({value: f"{value:g}" for value in _ticks(y_low, y_high)}, "enemy's x, pixels", grid=False)
    for (x, other), times in sorted(total.items()):
        square = (x * CELL, (x + 1) * CELL), (other * CELL, (other + 1) * CELL)
        chart.box(*square, colour, opacity=max((times / most) ** 0.5, 0.04))
    return chart.svg()


def _bars(
    labels: Sequence[str],
    shares: Mapping[str, NDArray[np.float64]],
    whiskers: Mapping[str, NDArray[np.float64]] | None = None,
    *,
    limit: float | None = None,
) -> str:
    """Pairs of bars that lie, so that there is room for their labels however narrow the page.

    Args:
        labels: of the pairs.
        shares: by "before" and "after", (labels,).
        whiskers: their ends, (labels, 2).
        limit: end of the axis; None ends it beyond the longest bar.
    """
    end = limit or 1.05 * max(float(values.max()) for values in shares.values())
    left = 18 + CHARACTER * max(map(len, labels))
    chart = _Chart(27 * len(labels) + 58.0, (0, end), (len(labels) - 0.4, -0.6), left=left, bottom=25, top=25)
    chart.x_axis({value: f"{value:.3g}%" for value in _ticks(0, 100 * end)}, scale=0.01)
    for place, label in enumerate(labels):
        chart.text(left - 6, chart.y(place), label, "text", anchor="end")
    for shift, (name, values) in zip((-0.2, 0.2), shares.items(), strict=True):
        for place, value in enumerate(values.tolist()):
            middle = place + shift
            chart.box((0, value), (middle - 0.18, middle + 0.18), name)
            if whiskers:
                low, high = whiskers[name][place].tolist()
                chart.line([(low, middle), (high, middle)], "text")
                for tip in (low, high):
                    chart.line([(tip, middle - 0.07), (tip, middle + 0.07)], "text")
    chart.legend({name: name for name in shares}, 2, 0)
    return chart.svg()


class _Chart:
    """A plot in its margins, drawn element by element.

    Args:
        height: of the whole, px.
        x: values at the left and the right.
        y: values at the bottom and the top.
        left: margin, px; so are `right`, `bottom` and `top`.
    """

    def __init__(
        self, height: float, x: Range, y: Range, *, left: float, bottom: float, top: float, right: float = RIGHT
    ) -> None:
        self.height = height
        self._x, self._y = x, y
        self._left, self._right, self._bottom, self._top = left, WIDTH - right, height - bottom, top
        self._elements: list[str] = []

    def x(self, value: float) -> float:
        """Place of a value, px from the left."""
        start, end = self._x
        return self._left + (value - start) / (end - start) * (self._right - self._left)

    def y(self, value: float) -> float:
        """Place of a value, px from the top."""
        start, end = self._y
        return self._bottom + (value - start) / (end - start) * (self._top - self._bottom)

    def text(self, x: float, y: float, words: str, colour: str = "muted", *, anchor: str = "middle") -> None:
        """Words at a place, px; halfway up they are at `y`."""
        style = f"fill: var(--{colour}); text-anchor: {anchor}"
        self._elements.append(f'<text x="{x:.1f}" y="{y:.1f}" dy=".35em" style="{style}">{escape(words)}</text>')

    def box(self, x: Range, y: Range, colour: str, *, opacity: float = 1.0) -> None:
        """A filled rectangle between values."""
        (x0, x1), (y0, y1) = sorted(map(self.x, x)), sorted(map(self.y, y))
        shape = f'x="{x0:.1f}" y="{y0:.1f}" width="{x1 - x0:.1f}" height="{y1 - y0:.1f}"'
        self._elements.append(f'<rect {shape} style="fill: var(--{colour}); fill-opacity: {opacity:.2f}"/>')

    def line(self, points: Iterable[tuple[float, float]], colour: str, width: float = 1.0) -> None:
        """A line through values."""
        self._line([(self.x(x), self.y(y)) for x, y in points], colour, width)

    def dots(self, points: Iterable[tuple[float, float]], colour: str) -> None:
        """A dot at each value."""
        self._elements += [
            f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="2" style="fill: var(--{colour})"/>'
            for x, y in points
        ]

    def x_axis(self, ticks: Mapping[float, str], label: str = "", *, grid: bool = True, scale: float = 1.0) -> None:
        """The axis below, its numbers by the values over `scale`, its label, and lines upwards from the numbers."""
        for value, number in ticks.items():
            place = self.x(scale * value)
            self._line([(place, self._bottom + 3), (place, self._top if grid else self._bottom)], "grid", 0.6)
            self.text(place, self._bottom + 11, number)
        self._line(
            [
                (self._left, self._bottom),
                (self._right, self._bottom),
            ],
            "grid",
            0.8,
        )
        self.text((self._left + self._right) / 2, self._bottom + 27, label)

    def y_axis(self, ticks: Mapping[float, str], label: str, *, grid: bool) -> None:
        """The axis at the left, the same."""
        for value, number in ticks.items():
            place = self.y(value)
            self._line([(self._left - 3, place), (self._right if grid else self._left, place)], "grid", 0.6)
            self.text(self._left - 6, place, number, anchor="end")
        self._line([(self._left, self._bottom), (self._left, self._top)], "grid", 0.8)
        self._elements.append(
            f'<g transform="translate({self._left - 46:.1f} {(self._bottom + self._top) / 2:.1f}) rotate(-90)">'
        )
        self.text(0, 0, label)
        self._elements.append("</g>")

    def legend(self, colours: Mapping[str, str], columns: int, top: float) -> None:
        """What has which colour, in rows from `top` on, px."""
        column = CHARACTER * (max(map(len, colours)) + 5)
        start = (WIDTH - column * min(columns, len(colours))) / 2
        self._elements.append('<g class="legend">')
        for number, (name, colour) in enumerate(colours.items()):
            row, place = divmod(number, columns)
            x, y = start + place * column, top + LEGEND_ROW * (row + 0.5)
            self._line([(x, y), (x + 16, y)], colour, 4)
            self.text(x + 22, y, name, "text", anchor="start")
        self._elements.append("</g>")

    def svg(self) -> str:
        """What was drawn."""
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {self.height:g}" font-size="11">'
        return "\n".join([head, *self._elements, "</svg>"])

    def _line(self, places: Iterable[tuple[float, float]], colour: str, width: float) -> None:
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        style = f"fill: none; stroke: var(--{colour}); stroke-width: {width:g}"
        self._elements.append(f'<polyline points="{points}" style="{style}"/>')


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from `low` to `high`, one, two or five of a power of ten apart."""
    if low == high:
        return [low]
    exact = (high - low) / (MAX_TICKS - 1)
    power = 10.0 ** floor(log10(exact))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= exact * (1 - 1e-9))
    first = ceil(low / step - 1e-9)
    numbers = takewhile(lambda number: number * step <= high + 1e-9 * step, count(first))
    return [round(number * step, 10) for number in numbers]


def _short(env_steps: float) -> str:
    """A number of env_steps in thousands or millions, such as `12.5k`."""
    for unit, sign in ((1e6, "M"), (1e3, "k")):
        if env_steps >= unit:
            return f"{env_steps / unit:g}{sign}"
    return f"{env_steps:g}"
