"""How numbers, settings and names read: the same in the terminal, the ranking and the report."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence


def number(value: float) -> str:
    """Three significant digits, without a machine's exponents.

    >>> [number(x) for x in (0, 0.000412, 0.0123, 3.14159, 12345, 2.5e7)]
    ['0', '4.12e-4', '0.0123', '3.14', '12,345', '2.5e7']
    """
    if value == 0:
        return "0"
    if 1000 <= abs(value) < 1e6:
        return f"{value:,.0f}"
    if 1e-3 <= abs(value) < 1000:
        return f"{value:.3g}"
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def percent(rate: float) -> str:
    """Whole percents, with a decimal where rounding would claim all or nothing.

    >>> [percent(x) for x in (0, 0.003, 0.4242, 0.996, 1)]
    ['0%', '0.3%', '42%', '99.6%', '100%']
    """
    whole = f"{100 * rate:.0f}"
    return f"{100 * rate:.1f}%" if whole in ("0", "100") and rate not in (0, 1) else f"{whole}%"


def p_value(p: float) -> str:
    """A p-value as papers print it.

    >>> [p_value(x) for x in (0.00001, 0.0123, 0.3, 1)]
    ['< 0.001', '0.012', '0.30', '1']
    """
    if p < 0.001:
        return "< 0.001"
    if p < 0.1:
        return f"{p:.3f}"
    return "1" if p > 0.995 else f"{p:.2f}"


def duration(seconds: float) -> str:
    """Minutes and seconds, or hours before them.

    >>> [duration(x) for x in (7.4, 95, 3 * 3600 + 61)]
    ['0:07', '1:35', '3:01:01']
    """
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def age(seconds: float) -> str:
    """How long ago, in one unit.

    >>> [age(x) for x in (7, 95, 7300, 200_000)]
    ['7 s', '1 min', '2 h', '2 days']
    """
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {'day' if unit == 'days' and seconds < 2 * length else unit}"
    return f"{max(0, int(seconds))} s"


def sparkline(values: Sequence[float], cells: int, ascii_only: bool = False) -> str:
    """Values in their order, the newest at the right, between the lowest and the highest that are shown.

    >>> sparkline([3, 1, 2, 5], 4), sparkline([3, 1, 2, 5], 2, ascii_only=True)
    ('▅▁▃█', '_#')
    """
    steps = "_.-=+*#" if ascii_only else "▁▂▃▄▅▆▇█"
    shown = list(values)[-cells:] if cells > 0 else []
    known = [value for value in shown if math.isfinite(value)]
    low, width = (min(known), max(known) - min(known)) if known else (0.0, 0.0)

    def mark(value: float) -> str:
        if not math.isfinite(value):
            return "!"
        return steps[round((value - low) / width * (len(steps) - 1)) if width else 0]

    return "".join(map(mark, shown))


def listing(names: Sequence[str]) -> str:
    """Names in a sentence.

    >>> listing(["gda", "consensus", "optimistic"])
    'gda, consensus and optimistic'
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def diagnosed(words: Sequence[str], separator: str = ", ") -> str:
    """How often each diagnosis was made, the most frequent first.

    >>> diagnosed(["converged", "collapsed", "converged"])
    '2 converged, 1 collapsed'
    """
    counted = sorted(Counter(words).items(), key=lambda item: (-item[1], item[0]))
    return separator.join(f"{n} {word}" for word, n in counted)


def count(n: int, noun: str) -> str:
    """``1 trial``, ``2 trials``."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def setting(params: Mapping[str, float], separator: str = " · ") -> str:
    """Hyperparameters in one line: ``lr 4e-4 · lr_ratio 1``."""
    return separator.join(f"{name} {number(value)}" for name, value in params.items()) or "nothing to set"


def brief(text: str, most: int = 40) -> str:
    """Cut where it is longer than there is room for.

    >>> brief("frechet"), brief("precision_recall.precision", 12)
    ('frechet', 'precision_r…')
    """
    return text if len(text) <= most else f"{text[: most - 1]}…"


def inert(text: str, lines: bool = False) -> str:
    r"""Text that cannot move a terminal's cursor or turn a page's direction around; one line of it unless ``lines``.

    Control and direction characters become U+FFFD.

    >>> inert("a\n\x1b[2Jb")
    'a �[2Jb'
    """
    kept = text if lines else " ".join(text.split())
    safe = (" " if c.isspace() and c != "\n" else c for c in kept)
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in safe)
