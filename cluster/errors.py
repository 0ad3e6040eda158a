"""What a user can do something about."""

from __future__ import annotations


class Told(RuntimeError):
    """Its message is all that is shown: what is wrong, what is allowed, no secret. Commands end with exit code 1."""
