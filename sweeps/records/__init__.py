"""What happened: every report of every trial, written whole and never changed."""
