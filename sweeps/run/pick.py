"""A trial by what a user calls it: an arm, and a number or ``confirm``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sweeps.records.record import TrialRecord
from sweeps.search.trials import CONFIRM, MAP, SEARCH

if TYPE_CHECKING:
    from sweeps.records.folder import Folder


class NoTrial(LookupError):
    """No such trial has begun; the message lists those that have."""


def pick(folder: Folder, arm: str, trial: str) -> TrialRecord:
    """The record of a search trial, or of a map's, by its number, or of the arm's last confirmation (``confirm``;
    ``confirm-0`` is the first).

    Raises:
        NoSweep: there is no such sweep. NoTrial: no such arm or trial.
    """
    folder.read()
    begun = [name for name in folder.store.list(f"trials/{arm}") if "-" in name] if _is_plain(arm) else []
    if not begun:
        arms = ", ".join(folder.store.list("trials")) or "none"
        raise NoTrial(f"sweep {folder.name}: no trial of an arm {arm!r} has begun; arms with trials: {arms}")
    if trial == CONFIRM:
        name = max((each for each in begun if each.startswith(CONFIRM)), default="")
    else:
        found = re.fullmatch(rf"(?:({CONFIRM}|{SEARCH}|{MAP})-)?(\d+)", trial)
        numbered = MAP if any(each.startswith(f"{MAP}-") for each in begun) else SEARCH
        name = f"{found[1] or numbered}-{int(found[2]):04d}" if found else ""
    if name not in begun:
        there = ", ".join(_short(each) for each in begun)
        raise NoTrial(f"sweep {folder.name}: arm {arm} has no trial {trial!r} that began; there are: {there}")
    return TrialRecord(folder.store, f"{arm}/{name}")


def _is_plain(arm: str) -> bool:
    return re.fullmatch(r"[\w-]+", arm) is not None


def _short(name: str) -> str:
    kind, _, number = name.partition("-")
    return f"confirm-{int(number)}" if kind == CONFIRM else str(int(number))
