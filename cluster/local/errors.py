"""What a user can do something about."""

from __future__ import annotations

from cluster.errors import Told


class LocalError(Told):
    """The cluster cannot be brought up or down; the message says why, and what to do."""
