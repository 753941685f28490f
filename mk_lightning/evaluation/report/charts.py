"""Charts as SVG text in the colours of the page they stand in."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import EngFormatter, MaxNLocator, MultipleLocator, PercentFormatter
from numpy.typing import NDArray

from mk_lightning.evaluation.evaluation import CELL, Evaluation

Series = Mapping[str, Sequence[tuple[float, float]]]
"""Points (env_steps, value) by name."""

COLOURS = {
    "text": "#010203", "muted": "#010204", "grid": "#010205", "before": "#010206", "after": "#010207",
    "c0": "#010208", "c1": "#010209", "c2": "#01020a", "c3": "#01020b", "c4": "#01020c", "c5": "#01020d",
    "c6": "#01020e", "c7": "#01020f",
}  # fmt: skip
"""Stand-ins: each becomes the page's CSS variable of that name, so a chart is light or dark as the page is."""

LINES = ("c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7")
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "font.family": "sans-serif",
    "font.size": 11,
    "text.color": COLOURS["text"],
    "axes.labelcolor": COLOURS["muted"],
    "axes.edgecolor": COLOURS["grid"],
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": COLOURS["muted"],
    "ytick.color": COLOURS["muted"],
    "grid.color": COLOURS["grid"],
    "legend.frameon": False,
    "legend.labelcolor": COLOURS["text"],
    "legend.fontsize": 10.5,
    "legend.handlelength": 1.5,
    "legend.columnspacing": 1.5,
}
WIDTH = 4.8
"""Of every chart, inches of 72 units: what a phone has, so that type has its size there, and half of a wide page."""
CHARACTER = 0.09
"""Width of a character of a label, inches."""
ROUND = 50
"""Pixels between the ticks of a map."""
LEGEND_CHARACTERS = 52
"""That fit a row of a legend."""
MAX_ACTIONS = 14
"""Rows of the action table shown, those played most."""
SEEN = 0.005
"""Share of the decisions below which an action's bar cannot be seen."""


def win_rates(before: Evaluation, after: Evaluation) -> str:
    """Win rate of every state before and after, with its Wilson 95 % interval."""
    rates, whiskers = {}, {}
    for name, evaluation in (("before", before), ("after", after)):
        scores = [evaluation.score([state]) for state in before.states]
        rates[name] = np.array([score.win_rate for score in scores])
        whiskers[name] = np.abs(np.array([score.interval for score in scores]).T - rates[name])
    return _bars(before.states, rates, whiskers, limit=1.0)


def curves(series: Series, label: str, *, shares: bool = True) -> str:
    """Lines over env_steps.

    Args:
        series: what to draw.
        label: of the value.
        shares: values are shares of 1, shown in per cent from 0 to 100.
    """

    def draw(axes: Axes) -> None:
        for colour, (name, points) in zip(LINES * 4, series.items(), strict=False):
            x, y = np.array(points, float).T
            axes.plot(x, y, color=COLOURS[colour], label=name, marker="o" if len(x) < 30 else None, markersize=4)
        axes.set_xlabel("env_steps")
        axes.set_xlim(left=min(0, axes.get_xlim()[0]))
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axes.set_ylabel(label)
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        if shares:
            axes.set_ylim(-0.03, 1.03)
            axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.grid(linewidth=0.6)
        axes.set_axisbelow(True)
        axes.figure.legend(loc="lower center", ncols=columns, borderaxespad=0)

    columns, legend = _legend(list(series))
    return _svg(draw, 2.7 + legend, bottom=0.6 + legend)


class Dot(NamedTuple):
    """What an arm kept and gained: values with the ends of their intervals, points of a hundred."""

    name: str
    gained: tuple[float, float, float]
    kept: tuple[float, float, float]


def scatter(dots: Sequence[Dot]) -> str:
    """What each arm kept (upwards) and gained (to the right), with the intervals as whiskers."""

    def draw(axes: Axes) -> None:
        axes.axhline(0, color=COLOURS["muted"], linewidth=0.8)
        handles = []
        for colour, dot in zip(LINES * len(dots), dots, strict=False):
            (x, *x_ends), (y, *y_ends) = dot.gained, dot.kept
            style: Any = {"color": COLOURS[colour], "linewidth": 0.8, "marker": "|"}
            axes.plot(x_ends, [y, y], **style)
            axes.plot([x, x], y_ends, **style | {"marker": "_"})
            handles += axes.plot(x, y, "o", color=COLOURS[colour], label=dot.name)
        axes.set_xlim(min(0, axes.get_xlim()[0]), max(0, axes.get_xlim()[1]))
        axes.set_xlabel("gained on the challenging states, points")
        axes.set_ylabel("kept of the original, points")
        axes.grid(linewidth=0.6)
        axes.set_axisbelow(True)
        axes.figure.legend(handles=handles, loc="lower center", ncols=columns, borderaxespad=0)

    columns, legend = _legend([dot.name for dot in dots])
    return _svg(draw, 3.4 + legend, bottom=0.6 + legend)


def actions(before: Evaluation, after: Evaluation) -> str:
    """Share of the decisions of each action that is played most, before and after."""
    shares = {}
    for name, evaluation in (("before", before), ("after", after)):
        counts = np.sum(list(evaluation.action_counts.values()), axis=0)
        shares[name] = counts / counts.sum()
    most = np.maximum(shares["before"], shares["after"])
    ranked = np.argsort(-most, kind="stable")[:MAX_ACTIONS]
    shown = ranked[most[ranked] >= min(most.max(), SEEN)]
    return _bars([before.actions[k] for k in shown], {name: values[shown] for name, values in shares.items()})


def moved(before: Evaluation, after: Evaluation) -> str:
    """Where the fighters stand more often than before, and where less: own x to the right, the enemy's upwards.

    The darker, the more of the time it is. All states together.
    """
    change = Counter(_standing(after))
    change.subtract(_standing(before))
    most = max(map(abs, change.values())) or 1.0

    def draw(axes: Axes) -> None:
        cells = sorted(change.items())
        squares = [Rectangle((x * CELL, other * CELL), CELL, CELL) for (x, other), _ in cells]
        shades = [
            to_rgba(COLOURS["after" if share > 0 else "before"], max((abs(share) / most) ** 0.5, 0.04))
            for _, share in cells
        ]
        axes.add_collection(PatchCollection(squares, facecolors=shades, linewidths=0))
        edges = np.array(list(change)) * CELL
        for axis, low, high in zip((axes.xaxis, axes.yaxis), edges.min(0), edges.max(0) + CELL, strict=True):
            axis.set_view_interval(low // ROUND * ROUND, -(-high // ROUND) * ROUND, ignore=True)
            axis.set_major_locator(MultipleLocator(ROUND))
        axes.set_aspect("equal")
        axes.set_xlabel("own x, pixels")
        axes.set_ylabel("enemy's x, pixels")

    return _svg(draw, 4.0, bottom=0.5)


def _standing(evaluation: Evaluation) -> dict[tuple[int, int], float]:
    """Share of the time in each cell of (own x, enemy's x)."""
    total: Counter[tuple[int, int]] = Counter()
    for cells in evaluation.positions.values():
        total.update({(x, other): count for x, other, count in cells})
    everything = total.total()
    return {cell: count / everything for cell, count in total.items()}


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
        whiskers: their lengths down and up from each share, (2, labels).
        limit: end of the axis; None ends it at the longest bar.
    """

    def draw(axes: Axes) -> None:
        places = np.arange(len(labels), dtype=float)
        for shift, (name, values) in zip((-0.2, 0.2), shares.items(), strict=True):
            spread = whiskers[name] if whiskers else None
            style = {"ecolor": COLOURS["text"], "elinewidth": 1, "capsize": 2}
            axes.barh(places + shift, values, 0.36, color=COLOURS[name], label=name, xerr=spread, error_kw=style)
        axes.set_yticks(places, labels)
        axes.tick_params(axis="y", length=0, labelcolor=COLOURS["text"])
        axes.margins(y=0.01)
        axes.invert_yaxis()
        axes.set_xlim(0, limit)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.grid(axis="x", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.figure.legend(loc="upper center", ncols=2, borderaxespad=0)

    left = 0.25 + CHARACTER * max(map(len, labels))
    return _svg(draw, 0.38 * len(labels) + 0.8, left=left, bottom=0.35, top=0.35)


def _legend(names: Sequence[str]) -> tuple[int, float]:
    """Columns of a legend below a chart, and its height, inches."""
    columns = max(1, LEGEND_CHARACTERS // (max(map(len, names)) + 5))  # a line's sample is as wide as 5 characters
    return columns, 0.22 * ceil(len(names) / columns)


def _svg(
    draw: Callable[[Axes], None], height: float, *, left: float = 0.85, bottom: float = 0.35, top: float = 0.1
) -> str:
    """Draw on a figure and return it as an `<svg>` element.

    The margins are given: Matplotlib's own layouts draw everything several times to learn them, in a font that is not
    the page's.

    Args:
        draw: does it.
        height: of the figure, inches.
        left: margin for the labels, inches.
        bottom: the same below.
        top: the same above.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height))
        draw(figure.add_subplot())
        figure.subplots_adjust(left=left / WIDTH, right=1 - 0.25 / WIDTH, bottom=bottom / height, top=1 - top / height)
        buffer = io.StringIO()
        figure.patch.set_visible(False)
        # `savefig` draws all of it twice, once to learn how large it is, which here it is told.
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    for name, stand_in in COLOURS.items():
        text = text.replace(stand_in, f"var(--{name})")
    return text
