"""The benchmark runs, and says how many times faster than the ordinary loop."""

from __future__ import annotations

import pytest

from bench import engine


def test_the_table_has_a_row_a_member_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MEMBERS", (1, 4))
    rows = engine.measure(rounds=1, turn=0.02)
    assert [row.members for row in rows] == [1, 4]
    for row in rows:
        assert row.ordinary > 0 and row.minmax > 0
        assert row.ratio == pytest.approx(row.minmax / row.ordinary)
    printed = engine.table(rows, rounds=1)
    assert "batch 64" in printed and "threads 1" in printed
    assert len(printed.splitlines()) == 5 + len(rows)
