"""Published claims, re-run."""
