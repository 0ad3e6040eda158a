"""The colours of arms: the same in the report, in figures on paper and in MLflow.

Told apart by readers who see red and green alike, on white paper and in grey (they differ in lightness); the report's
style sheet has them as ``--arm-0`` and following, and lighter ones for dark screens.
"""

from __future__ import annotations

ARMS = ("#0072b2", "#d55e00", "#008a66", "#b0508a", "#a87400", "#2a8cc4", "#5b4b8a", "#6b6f76")


def of_arm(index: int) -> str:
    """The colour of a sweep's arm by its place in the spec; the ninth has the first's.

    >>> of_arm(9)
    '#d55e00'
    """
    return ARMS[index % len(ARMS)]
