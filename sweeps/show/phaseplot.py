"""A map as a picture: one SVG file that a browser, MLflow and a paper can show."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from sweeps.judge.maps import ArmMap, in_words, rows
from sweeps.show.ticks import ticks
from sweeps.show.wording import inert

COLOURS = {
    "converged": "#0072b2",
    "unsettled": "#c9ced6",
    "diverged": "#d55e00",
    "vanished": "#56b4e9",
    "collapsed": "#aa4499",
    "overfitting": "#009e73",
    "cycling": "#f0c419",
}
"""After Okabe and Ito; the three that meet most often, blue, yellow and vermilion, differ in lightness too."""

SIDE, STRIP = 448, 56  # the picture's longer side, and the height of one with a single axis; in pixels
LEFT, TOP, BELOW, LEGEND = 84, 40, 60, 176
INK, QUIET = "#16191d", "#58616c"


def drawn(shown: ArmMap) -> str:
    """The picture, with its legend and a sentence for those who do not see it."""
    grid = rows(shown)
    columns, lines = len(grid[0]), len(grid)
    cell = SIDE / max(columns, lines)
    high = cell * lines if len(shown.axes) > 1 else STRIP
    wide = cell * columns
    width, height = LEFT + wide + LEGEND, TOP + max(high, 24 * len(shown.counts)) + BELOW
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" font-family="system-ui, sans-serif" font-size="13">',
        f"<title>{escape(inert(shown.arm))}</title><desc>{escape(inert(in_words(shown)))}</desc>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        _text(LEFT, TOP - 14, shown.arm, INK, 'font-weight="600" font-size="15"'),
        f'<g transform="translate({LEFT} {TOP})">',
        *_cells(shown, cell, high / lines),
        f'<rect width="{wide:.1f}" height="{high:.1f}" fill="none" stroke="{QUIET}"/>',
        *_axes(shown, cell, wide, high),
        *_legend(shown, wide + 20),
        "</g>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _cells(shown: ArmMap, wide: float, high: float) -> Iterator[str]:
    """One path a diagnosis: thousands of rectangles would be ten times the bytes."""
    for word in shown.counts:
        strokes = "".join(
            f"M{column * wide:.2f} {row * high:.2f}h{wide:.2f}v{high:.2f}h-{wide:.2f}z"
            for row, points in enumerate(rows(shown))
            for column, point in enumerate(points)
            if point.word == word
        )
        yield f'<path shape-rendering="crispEdges" fill="{COLOURS[word]}" d="{strokes}"/>'


def _axes(shown: ArmMap, cell: float, wide: float, high: float) -> Iterator[str]:
    for tick in ticks(shown.axes[0], 7):
        x = (tick.place + 0.5) * cell
        yield f'<path stroke="{QUIET}" d="M{x:.1f} {high:.1f}v5"/>'
        yield _text(x, high + 20, tick.label, QUIET, 'text-anchor="middle"')
    yield _text(wide / 2, high + 44, shown.axes[0].name, INK, 'text-anchor="middle"')
    if len(shown.axes) > 1:
        for tick in ticks(shown.axes[1], 7):
            y = high - (tick.place + 0.5) * cell
            yield f'<path stroke="{QUIET}" d="M0 {y:.1f}h-5"/>'
            yield _text(-9, y + 4, tick.label, QUIET, 'text-anchor="end"')
        turned = f'text-anchor="middle" transform="translate({14 - LEFT} {high / 2:.1f}) rotate(-90)"'
        yield _text(0, 0, shown.axes[1].name, INK, turned)


def _legend(shown: ArmMap, x: float) -> Iterator[str]:
    for place, (word, n) in enumerate(shown.counts.items()):
        y = 24 * place
        yield f'<rect x="{x:.1f}" y="{y}" width="14" height="14" fill="{COLOURS[word]}" stroke="{QUIET}"/>'
        yield _text(x + 22, y + 12, f"{word} {n:,}", INK)


def _text(x: float, y: float, text: str, colour: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" {more}>{escape(inert(text))}</text>'
