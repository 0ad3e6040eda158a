"""Started on an eigenvector, the training loop follows it: ``linear_maps.check_trajectory`` for every linear method."""

from __future__ import annotations

import pytest
from closed_forms import ROWS, Row
from linear_maps import check_trajectory, random_bilinear


@pytest.mark.parametrize("which", [0, 3, -1])
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_eigenvectors_are_followed(row: Row, which: int) -> None:
    """A singular value's two directions, and (last) one that no singular value moves."""
    check_trajectory(row.optimizer, row, random_bilinear(3, 4, top=row.largest, seed=1), which)
