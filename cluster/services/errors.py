"""What a user can do something about."""

from __future__ import annotations


class ServiceError(RuntimeError):
    """The services cannot be brought up or down; the message says why, what to do, and no secret."""
