"""What people look at: the live view, the terminal's tables, the report."""
